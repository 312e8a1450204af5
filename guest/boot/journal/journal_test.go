// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

type entry struct{ Name string }

func names(t *testing.T, j *Journal, kind string) (got []string) {
	t.Helper()
	entries, err := Read[entry](j, kind)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name)
	}
	slices.Sort(got)
	return got
}

// TestJournal: entries are found again by whoever opens the directory, by kind; names may be any text.
func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "../b", "c", "a"} {
		if err := j.Put("container", name, entry{name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Put("sandbox", "", entry{"pod"}); err != nil {
		t.Fatal(err)
	}
	if err := j.Delete("container", "c"); err != nil {
		t.Fatal(err)
	}
	if err := j.Delete("container", "c"); err != nil {
		t.Errorf("an entry that is not there: %v", err)
	}
	next, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, next, "container"), []string{"../b", "a"}; !slices.Equal(got, want) {
		t.Errorf("containers %q, want %q", got, want)
	}
	if err := next.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, j, "sandbox"); len(got) > 0 {
		t.Errorf("%q are left, want none", got)
	}
}

// TestHalfWritten: what an agent was writing when it died is not taken for an entry, and a broken entry
// does not keep the others.
func TestHalfWritten(t *testing.T) {
	j, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Put("container", "whole", entry{"whole"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(j.dir, "container-0123"), []byte(`{"Name":"ha`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, j, "container"), []string{"whole"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := os.WriteFile(filepath.Join(j.dir, "container-0123"+suffix), []byte(`{"Name":"ha`), 0o600); err != nil {
		t.Fatal(err)
	}
	if entries, err := Read[entry](j, "container"); err == nil || len(entries) != 1 {
		t.Errorf("%v, %v, want one entry and an error", entries, err)
	}
}

// TestNoSpace: what could not be written whole leaves nothing, and the entry before it stays.
func TestNoSpace(t *testing.T) {
	j, err := Open(guesttest.Tmpfs(t))
	if err != nil {
		t.Fatal(err)
	}
	guesttest.Must(t, j.Put("mount", "kept", entry{"kept"}))
	guesttest.Must(t, unix.Mount("", j.dir, "", unix.MS_REMOUNT, "size=8k"))
	guesttest.Must(t, os.WriteFile(filepath.Join(j.dir, "other"), make([]byte, 4096), 0o600)) // 4 KiB each, so it is full
	for _, name := range []string{"kept", "new"} {
		if err := j.Put("mount", name, entry{"changed"}); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("entry %q: %v, want %v", name, err, unix.ENOSPC)
		}
	}
	files, err := os.ReadDir(j.dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v; want the entry and the file that has filled the directory, and no half", files, err)
	}
	if got, want := names(t, j, "mount"), []string{"kept"}; !slices.Equal(got, want) {
		t.Errorf("entries %q, want %q", got, want)
	}
}

// TestLater keeps the order.
func TestLater(t *testing.T) {
	j, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		j.Later(func(j *Journal) {
			if i%2 == 0 {
				_ = j.Put("session", "e", entry{"e"})
			} else {
				_ = j.Delete("session", "e")
			}
		})
	}
	j.Flush()
	if got := names(t, j, "session"); len(got) > 0 {
		t.Errorf("%q are left, want none", got)
	}
}

// TestNoJournal keeps nothing.
func TestNoJournal(t *testing.T) {
	var j *Journal
	j.Later(func(*Journal) { t.Error("called") })
	j.Flush()
	if err := j.Put("k", "n", 1); err != nil {
		t.Error(err)
	}
	if err := j.Delete("k", "n"); err != nil {
		t.Error(err)
	}
	if got := names(t, j, "k"); got != nil {
		t.Errorf("%q", got)
	}
	if err := j.Clear(); err != nil {
		t.Error(err)
	}
}
