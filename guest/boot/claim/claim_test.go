// SPDX-License-Identifier: Apache-2.0

package claim

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func take(t *testing.T, path string, roots ...string) *Claim {
	t.Helper()
	c, err := Take(path, "/proc", roots...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.file.Close() })
	return c
}

func mount(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("claimed", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }) // the test may have done it
}

// TestClaimIsExclusive: a second agent with the same file has no claim while the first lives.
func TestClaimIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run/claim")
	first := take(t, path)
	if first.Died() {
		t.Error("the first agent has died before it began")
	}
	if _, err := Take(path, "/proc"); !errors.Is(err, ErrTaken) {
		t.Errorf("a second claim: %v, want %v", err, ErrTaken)
	}
	if err := first.file.Close(); err != nil { // as the kernel does at its death
		t.Fatal(err)
	}
	second := take(t, path)
	if !second.Died() {
		t.Error("the first agent's death is not noticed")
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
	if take(t, path).Died() {
		t.Error("an agent that has ended in order is taken for one that died")
	}
}

// TestClaimLeavesForeignMounts detaches what a dead agent has mounted and nothing that was there before,
// not even below or above something of its own.
func TestClaimLeavesForeignMounts(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "claim")
	in := func(name string) string { return filepath.Join(root, "run", name) }
	mount(t, in("foreign"))
	dead := take(t, path, in(""))
	for _, name := range []string{"foreign/inside", "foreign", "own", "own/deep", "kept"} {
		mount(t, in(name))
	}
	dead.file.Close()

	c := take(t, path, in(""))
	detached, err := c.Detach(func(path string) bool { return path == in("kept") }, in(""))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(detached)
	// The first mount on foreign was there before; "foreign/inside" is under the second one.
	if want := []string{in("foreign"), in("foreign/inside"), in("own"), in("own/deep")}; !slices.Equal(detached, want) {
		t.Errorf("detached %q, want %q", detached, want)
	}
	if left, err := mountPoints([]string{in("")}); err != nil || !slices.Equal(left, []string{in("foreign"), in("kept")}) {
		t.Errorf("mounted afterwards: %q, %v; want what was there before", left, err)
	}
	if !c.Foreign(in("foreign")) || !c.Foreign(in("")) || c.Foreign(in("own")) || c.Foreign(in("for")) {
		t.Error("Foreign does not know what was there before")
	}
}

// TestClaimCutShort: an agent that died while it put a short record over a longer one leaves the
// rest of that behind its own. The next one notices the death all the same.
func TestClaimCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run/claim")
	first := take(t, path)
	record, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(record, `"rest of a longer record"}`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := first.file.Close(); err != nil {
		t.Fatal(err)
	}
	if !take(t, path).Died() {
		t.Error("the first agent's death is not noticed, want it noticed by its whole record")
	}
}
