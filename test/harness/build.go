// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Tags are the build tags of the agent.
const Tags = "seccomp,netgo,osusergo"

var build struct {
	once sync.Once
	path string
	err  error
	out  []byte
}

// Build makes the agent, once for all tests of a package, with the race detector unless
// KATA_TEST_RACE is 0, and returns the binary. KATA_TEST_AGENT names one made before.
func Build(tb testing.TB) string {
	tb.Helper()
	if p := os.Getenv("KATA_TEST_AGENT"); p != "" {
		return p
	}
	build.once.Do(func() {
		var dir string
		if dir, build.err = os.MkdirTemp("", "kata-agent-build"); build.err != nil {
			return
		}
		build.path = filepath.Join(dir, "kata-agent")
		args := []string{"build", "-tags", Tags, "-o", build.path}
		if os.Getenv("KATA_TEST_RACE") != "0" {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, "./cmd/kata-agent")...)
		cmd.Dir = ModuleRoot()
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		build.out, build.err = cmd.CombinedOutput()
	})
	if build.err != nil {
		tb.Fatalf("build of the agent: %v\n%s", build.err, build.out)
	}
	return build.path
}

// Main is a TestMain that removes what Build has made. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	Clean()
	os.Exit(code)
}

// Clean removes what Build has made, for a TestMain that has more to do than Main.
func Clean() {
	if build.path != "" {
		_ = os.RemoveAll(filepath.Dir(build.path))
	}
}

// ModuleRoot is the directory of go.mod.
func ModuleRoot() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}
