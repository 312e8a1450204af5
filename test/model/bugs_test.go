// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

// bugSpan is how long a planted bug is searched for.
const bugSpan = 10 * time.Minute

// TestPlantedBugs puts faults that this agent has had back into it, one at a time, and wants the model to
// find each. It runs with KATA_MODEL_BUGS=1 only: each fault is a build and some minutes. The tree is not
// changed: the compiler is given other files in their place.
func TestPlantedBugs(t *testing.T) {
	if os.Getenv("KATA_MODEL_BUGS") == "" {
		t.Skip("KATA_MODEL_BUGS is not set")
	}
	patches, err := filepath.Glob("testdata/bugs/*.patch")
	if err != nil || len(patches) < 5 {
		t.Fatalf("%d patches, %v; want five or more", len(patches), err)
	}
	for _, patch := range patches {
		t.Run(strings.TrimSuffix(filepath.Base(patch), ".patch"), func(t *testing.T) {
			p := harness.NewPod(t, harness.Options{Binary: planted(t, patch)})
			s := &Search{Target: target(t, p), Seed: seed()}
			found, err := s.Run(duration("KATA_MODEL_TIME", bugSpan))
			if err != nil {
				t.Fatal(err)
			}
			if found == nil {
				t.Fatalf("not found: %s", s)
			}
			t.Logf("plan %d: %s\n%s", found.Plan, found.Text, found.Script)
		})
	}
}

// TestPatchesApply: the planted bugs fit the tree as it is.
func TestPatchesApply(t *testing.T) {
	patches, err := filepath.Glob("testdata/bugs/*.patch")
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range patches {
		patched(t, patch)
	}
}

// planted builds an agent with a bug.
func planted(t *testing.T, patch string) string {
	t.Helper()
	overlay, err := json.Marshal(map[string]any{"Replace": patched(t, patch)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "kata-agent")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", file, "-tags", harness.Tags,
		"-ldflags", "-linkmode external -extldflags -static", "-o", binary, "./cmd/kata-agent")
	build.Dir = harness.ModuleRoot()
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// patched applies a patch to copies of the files that it changes, and returns them by what they replace.
func patched(t *testing.T, patch string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	dir, replaced := t.TempDir(), map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "+++ b/")
		if !ok {
			continue
		}
		whole, err := os.ReadFile(filepath.Join(harness.ModuleRoot(), name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[filepath.Join(harness.ModuleRoot(), name)] = to
	}
	apply := exec.Command("git", "apply", "-p1", "-")
	apply.Dir, apply.Stdin = dir, strings.NewReader(string(text))
	apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%s does not apply: %v\n%s", patch, err, out)
	}
	return replaced
}
