// SPDX-License-Identifier: Apache-2.0

package integration

import (
	enc "encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/harness"
	"golang.org/x/sys/unix"
)

// entered is the package with which a container's child leaves the agent's start, for good: the line that
// says that it is initialised never comes.
const entered = "github.com/kata-containers/kata-agent/guest/boot/reexec"

var initLine = regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) bytes, \d+ allocs$`)

// childLimit is how many bytes the packages of a container's child may allocate before it enters libcontainer,
// without the policy engine: 95,000 at the time of writing, 150,000 before package early.
const childLimit = 120 << 10

// leftOut is a line of the table of package early: path, two dots, inittask.
var leftOut = regexp.MustCompile(`(?m)^DATA .*\$(\S+)··inittask\(SB\)$`)

// initialised is what packages allocate before a container's child is entered, in bytes.
func initialised(t *testing.T, binary string) map[string]int {
	t.Helper()
	out := reexecuted(t, binary)
	if strings.Contains(out, "init "+entered+" ") {
		t.Fatalf("the child has come back from libcontainer:\n%s", out)
	}
	all := map[string]int{}
	for _, m := range initLine.FindAllStringSubmatch(out, -1) {
		all[m[1]], _ = strconv.Atoi(m[2])
	}
	return all
}

// reexecuted runs a child of libcontainer up to the configuration, which never comes, and returns what it
// says. It is given what libcontainer's own parent sends first: a message of netlink that asks for no
// namespace. The first stage, a process that the C part of libcontainer makes, goes on as the child.
func reexecuted(t *testing.T, binary string) string {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	guesttest.Must(t, err)
	ours, theirs := os.NewFile(uintptr(ends[0]), "ours"), os.NewFile(uintptr(ends[1]), "theirs")
	defer ours.Close()
	out, err := os.CreateTemp(t.TempDir(), "out")
	guesttest.Must(t, err)
	defer out.Close()
	cmd := exec.Command(binary, "init")
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{theirs}, out, out
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1", "_LIBCONTAINER_INITPIPE=3")
	guesttest.Must(t, cmd.Start())
	theirs.Close()
	const initMessage, header = 62000, 16
	message := make([]byte, header)
	enc.NativeEndian.PutUint32(message, header)
	enc.NativeEndian.PutUint16(message[4:], initMessage)
	_, err = ours.Write(message)
	guesttest.Must(t, err)
	var stages struct {
		First  int `json:"stage1_pid"`
		Second int `json:"stage2_pid"`
	}
	if err := json.NewDecoder(ours).Decode(&stages); err != nil {
		_ = cmd.Wait()
		text, _ := os.ReadFile(out.Name())
		t.Fatalf("the stages' numbers: %v\n%s", err, text)
	}
	ours.Close() // instead of the configuration
	guesttest.Must(t, cmd.Wait())
	for _, pid := range []int{stages.First, stages.Second} { // children of this process, by CLONE_PARENT
		for {
			if _, err := unix.Wait4(pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
				break
			}
		}
	}
	text, err := os.ReadFile(out.Name())
	guesttest.Must(t, err)
	return string(text)
}

// TestReexecInitialisesLittle: a container's child gets to libcontainer without what package early leaves out.
func TestReexecInitialisesLittle(t *testing.T) {
	table, err := os.ReadFile("../../guest/boot/reexec/early/leftout.s")
	guesttest.Must(t, err)
	for name, binary := range map[string]string{"with the policy": harness.Build(t), "without": harness.BuildPlain(t)} {
		t.Run(name, func(t *testing.T) {
			all := initialised(t, binary)
			if _, has := all["github.com/opencontainers/runc/libcontainer"]; !has {
				t.Errorf("the child does not get to libcontainer, only through %q", slices.Sorted(maps.Keys(all)))
			}
			sum := 0
			for _, bytes := range all {
				sum += bytes
			}
			if name == "without" && sum > childLimit {
				t.Errorf("a container's child allocates %d bytes before libcontainer, want at most %d", sum, childLimit)
			}
			for _, m := range leftOut.FindAllStringSubmatch(string(table), -1) {
				path := strings.NewReplacer("·", ".", "∕", "/").Replace(m[1])
				if _, has := all[path]; has {
					t.Errorf("a container's child initialises %s, want it left out", path)
				}
			}
		})
	}
}

// TestContainersDoNotPayForThePolicy: what the policy's engine does when the program starts is behind
// the place where the children of libcontainer leave it. Packages come in the order of their paths,
// so that a few small ones that the engine uses are before.
func TestContainersDoNotPayForThePolicy(t *testing.T) {
	plain := initialised(t, harness.BuildPlain(t))
	sum := 0
	for name, bytes := range initialised(t, harness.Build(t)) {
		for _, part := range []string{"opa/v1/ast", "opa/v1/topdown", "opa/v1/types", "opa/internal/gojsonschema", "kata-agent/guest/policy", "kata-agent/rpc/policy"} {
			if strings.HasSuffix(name, part) {
				t.Errorf("a container's child initialises %s", name)
			}
		}
		if _, ok := plain[name]; !ok {
			sum += bytes
		}
	}
	if limit := 64 << 10; sum > limit {
		t.Errorf("the engine's packages allocate %d bytes in a container's child, want at most %d", sum, limit)
	}
}

// TestContainersDoNotPayForTracing is the same for spans.
func TestContainersDoNotPayForTracing(t *testing.T) {
	for name := range initialised(t, harness.Build(t)) {
		for _, part := range []string{"otel/sdk/trace", "otel/propagation", "otel/sdk/resource", "kata-agent/guest/trace"} {
			if strings.HasSuffix(name, part) {
				t.Errorf("a container's child initialises %s", name)
			}
		}
	}
}
