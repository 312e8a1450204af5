// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The checked-in code is what generate.sh makes of the .proto files today.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	for _, tool := range []string{"protoc", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "./generate.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("generate.sh: %v\n%s", err, out)
	}
	names := map[string]bool{}
	for _, where := range []string{".", dir} {
		found, err := filepath.Glob(filepath.Join(where, "*.pb.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names[filepath.Base(f)] = true
		}
	}
	for name := range names {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s is checked in but not generated", name)
			continue
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run protocols/generate.sh (%v)", name, err)
		}
	}
}
