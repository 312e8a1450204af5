// SPDX-License-Identifier: Apache-2.0

package components

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// Install builds the program of the stand-ins, which needs no libraries, and puts it into a directory
// under the names of components.
func Install(tb testing.TB, dir string, ids ...string) {
	tb.Helper()
	first := filepath.Join(dir, ids[0])
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", first, "./test/components/standin")
	cmd.Dir = harness.ModuleRoot()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build of the stand-in: %v\n%s", err, out)
	}
	for _, id := range ids[1:] {
		if err := os.Link(first, filepath.Join(dir, id)); err != nil {
			tb.Fatal(err)
		}
	}
}

// Behave writes the script of a stand-in that Install has put into a directory.
func Behave(tb testing.TB, dir, id, script string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, id+".script"), []byte(script), 0o600); err != nil {
		tb.Fatal(err)
	}
}
