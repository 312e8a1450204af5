// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// entered is the package with which a container's child leaves the agent's start.
const entered = "github.com/kata-containers/kata-agent/guest/boot/reexec"

var initLine = regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) bytes, \d+ allocs$`)

// initialised is what packages allocate before a container's child is entered, in bytes.
func initialised(t *testing.T, binary string) map[string]int {
	t.Helper()
	cmd := exec.Command(binary, "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, _, found := strings.Cut(string(out), "init "+entered+" ")
	if !found {
		t.Fatalf("no line of %s in\n%s", entered, out)
	}
	all := map[string]int{}
	for _, m := range initLine.FindAllStringSubmatch(before, -1) {
		all[m[1]], _ = strconv.Atoi(m[2])
	}
	return all
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
