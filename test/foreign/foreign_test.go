// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

// Guards against a hang, far above what it takes. The first build of the Rust client compiles its
// libraries; test/setup/suites.sh makes it before the test's time runs.
const (
	buildGuard = 15 * time.Minute
	runGuard   = 2 * time.Minute
)

// podSteps is how many steps the life of a pod has at least: 40 sessions and what is around them.
const podSteps = 75

func TestGoRuntimeClient(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "goclient")
	build(t, "goclient", "go", "build", "-o", binary, ".")
	drive(t, binary, "--destroy")
}

func TestRustClient(t *testing.T) {
	cargo := cargo()
	if cargo == "" {
		unavailable(t, "no cargo")
	}
	// Where make clean takes it away, as an absolute path: cargo runs in another directory than the test.
	target := filepath.Join(harness.ModuleRoot(), "out", "rustclient")
	build(t, "rustclient", cargo, "build", "--release", "--locked", "--target-dir", target)
	drive(t, filepath.Join(target, "release", "foreign-rustclient"), "--destroy", "yes")
}

// drive runs both commands of a client against an agent each.
func drive(t *testing.T, binary string, destroy ...string) {
	t.Run("storm", func(t *testing.T) {
		a := harness.Start(t, harness.Options{})
		run(t, a, binary, 10000, "storm", "--calls", "10000", "--at-once", "50")
	})
	t.Run("pod", func(t *testing.T) {
		a := harness.Start(t, harness.Options{Network: true})
		spec, err := filepath.Abs("testdata/config.json")
		if err != nil {
			t.Fatal(err)
		}
		args := []string{
			"pod", "--spec", spec, "--rootfs", harness.Rootfs(t), "--cgroup", a.Cgroup, "--sessions", "40", "--at-once", "8",
		}
		run(t, a, binary, podSteps, append(args, destroy...)...)
		if code := a.WaitExit(); code != 0 {
			t.Errorf("the agent ended with %d", code)
		}
	})
}

// run runs a client, which must be answered well at least so many times and badly never.
func run(t *testing.T, a *harness.Agent, binary string, atLeast int, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runGuard)
	defer cancel()
	args = append(args, "--socket", strings.TrimPrefix(a.Address, "unix://"))
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
	var ok, failed int
	if _, err := fmt.Sscanf(string(out), "ok=%d failed=%d", &ok, &failed); err != nil || ok < atLeast || failed != 0 {
		t.Errorf("%s: %s (%v)", args[0], out, err)
	}
}

func build(t *testing.T, dir string, command ...string) {
	t.Helper()
	harness.Root(t)
	ctx, cancel := context.WithTimeout(context.Background(), buildGuard)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		unavailable(t, fmt.Sprintf("build %s: %v\n%s", dir, err, out))
	}
}

// unavailable ends a test whose client there is not.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("KATA_FOREIGN") == "require" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// cargo finds the Rust build tool, where its installer puts it if it is not in the path.
func cargo() string {
	if path, err := exec.LookPath("cargo"); err == nil {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	if path, err := exec.LookPath(filepath.Join(home, ".cargo", "bin", "cargo")); err == nil {
		return path
	}
	return ""
}
