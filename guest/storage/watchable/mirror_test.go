// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"
)

func kinds(files map[string]uint32) snapshot {
	s := snapshot{}
	for rel, kind := range files {
		s[rel] = entry{mode: kind}
	}
	return s
}

// No link is moved before what it leads to is there, and nothing a link may still lead
// to goes before the link.
func TestOrder(t *testing.T) {
	now := kinds(map[string]uint32{
		".": unix.S_IFDIR, "..data": unix.S_IFLNK, "key": unix.S_IFLNK, "a": unix.S_IFLNK,
		"..gen": unix.S_IFDIR, "..gen/key": unix.S_IFREG, "..gen/sub": unix.S_IFDIR, "plain": unix.S_IFREG,
	})
	want := []string{".", "..gen", "..gen/sub", "..gen/key", "plain", "..data", "a", "key"}
	if got := copyOrder(now); !slices.Equal(got, want) {
		t.Errorf("copied in the order %q, want %q", got, want)
	}
	want = []string{"key", "a", "..data", "plain", "..gen/key", "..gen/sub", "..gen"}
	if got := removeOrder(now, kinds(map[string]uint32{".": unix.S_IFDIR})); !slices.Equal(got, want) {
		t.Errorf("removed in the order %q, want %q", got, want)
	}
}

func TestTornSource(t *testing.T) {
	dir := t.TempDir()
	open := func(p string) *os.File {
		f, err := os.Open(p)
		guesttest.Must(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	guesttest.Must(t, os.Symlink("..gen_2", dir+"/..data"))
	if _, err := scan(open(dir)); !errors.Is(err, errTorn) {
		t.Errorf("..data leads to nothing yet: %v, want %v", err, errTorn)
	}
	guesttest.Must(t, os.Mkdir(dir+"/..gen_2", 0o755))
	guesttest.Must(t, os.WriteFile(dir+"/..gen_2/f", []byte("12345"), 0o600))
	s, err := scan(open(dir))
	guesttest.Must(t, err)
	e := s["..gen_2/f"]
	if b, err := readOpen(open(dir+"/..gen_2/f"), e); string(b) != "12345" || err != nil {
		t.Errorf("%q, %v, want %q", b, err, "12345")
	}
	// Other bytes of the same size, and fewer of them.
	for _, content := range []string{"54321", "1"} {
		guesttest.Must(t, os.WriteFile(dir+"/..gen_2/f", []byte(content), 0o600))
		guesttest.Must(t, os.Chtimes(dir+"/..gen_2/f", time.Time{}, time.Unix(e.mtime.Unix())))
		if _, err := readOpen(open(dir+"/..gen_2/f"), e); !errors.Is(err, errTorn) {
			t.Errorf("changed to %q since the scan: %v, want %v", content, err, errTorn)
		}
	}
}
