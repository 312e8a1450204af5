// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Tags are the build tags of the agent.
const Tags = "seccomp,netgo,osusergo,agent_policy"

// checkedC has the C code end with SIGILL where its behaviour is undefined: the init in front, the
// spawn helper, the reserve, and libcontainer's. It needs no library, so the binary stays static.
const checkedC = "-g -O2 -fsanitize=undefined -fsanitize-undefined-trap-on-error"

// built is an agent that was made.
type built struct {
	once sync.Once
	path string
	err  error
	out  []byte
}

var build, plain, failing built

// Build makes the agent, once for all tests of a package, with the race detector unless
// KATA_TEST_RACE is 0, and returns the binary. KATA_TEST_AGENT names one made before.
func Build(tb testing.TB) string {
	tb.Helper()
	if p := os.Getenv("KATA_TEST_AGENT"); p != "" {
		return p
	}
	return build.make(tb, Tags)
}

// BuildPlain makes an agent without what build tags put in, as Build does.
func BuildPlain(tb testing.TB) string {
	tb.Helper()
	return plain.make(tb, "netgo,osusergo")
}

// BuildFailpoints makes an agent in which steps can be made to fail, as Build does.
// KATA_TEST_FAILPOINTS names one made before.
func BuildFailpoints(tb testing.TB) string {
	tb.Helper()
	if p := os.Getenv("KATA_TEST_FAILPOINTS"); p != "" {
		return p
	}
	return failing.make(tb, Tags+",failpoints")
}

func (b *built) make(tb testing.TB, tags string) string {
	tb.Helper()
	b.once.Do(func() {
		var dir string
		if dir, b.err = os.MkdirTemp("", "kata-agent-build"); b.err != nil {
			return
		}
		b.path = filepath.Join(dir, "kata-agent")
		// Static, as what is shipped: a part of it runs where there are no libraries.
		args := []string{"build", "-tags", tags, "-ldflags", "-linkmode external -extldflags -static", "-o", b.path}
		env := append(os.Environ(), "CGO_ENABLED=1")
		if os.Getenv("KATA_TEST_RACE") != "0" {
			args = append(args, "-race")
			env = append(env, "CGO_CFLAGS="+checkedC)
		}
		cmd := exec.Command("go", append(args, "./cmd/kata-agent")...)
		cmd.Dir = ModuleRoot()
		cmd.Env = env
		b.out, b.err = cmd.CombinedOutput()
	})
	if b.err != nil {
		tb.Fatalf("build of the agent: %v\n%s", b.err, b.out)
	}
	return b.path
}

// Main is a TestMain that removes what Build has made. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	Clean()
	os.Exit(code)
}

// Clean removes what has been built, for a TestMain that has more to do than Main.
func Clean() {
	for _, b := range []*built{&build, &plain, &failing} {
		if b.path != "" {
			_ = os.RemoveAll(filepath.Dir(b.path))
		}
	}
}

// BuildProgram builds a program of this module, such as "./cmd/kata-agent-ctl", into a directory, under its own
// name. The error has what the compiler says.
func BuildProgram(program, dir string, flags ...string) error {
	build := exec.Command("go", append(append([]string{"build"}, flags...), "-o", dir+"/", program)...)
	build.Dir = ModuleRoot()
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return nil
}

// ModuleRoot is the directory of go.mod.
func ModuleRoot() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}
