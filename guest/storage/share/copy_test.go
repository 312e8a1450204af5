// SPDX-License-Identifier: Apache-2.0

package share

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"
)

func newTree(t *testing.T) (*Tree, string) {
	t.Helper()
	guesttest.NoLeak(t)
	guesttest.NeedRoot(t, "to change owners")
	root := t.TempDir() + "/shared"
	return NewTree(root), root
}

func regular(path, data string) Request {
	return Request{Path: path, FileSize: int64(len(data)), FileMode: unix.S_IFREG | 0o644, DirMode: 0o750, Data: []byte(data)}
}

func stat(t *testing.T, p string) *syscall.Stat_t {
	t.Helper()
	fi, err := os.Lstat(p)
	guesttest.Must(t, err)
	return fi.Sys().(*syscall.Stat_t)
}

func wantFile(t *testing.T, p, data string) {
	t.Helper()
	got, err := os.ReadFile(p)
	if err != nil || string(got) != data {
		t.Errorf("%s holds %.40q, %v; want %.40q", p, got, err, data)
	}
}

// noLeftovers fails if a temporary file lies anywhere below root or an upload is listed.
func noLeftovers(t *testing.T, tree *Tree, root string) {
	t.Helper()
	guesttest.Must(t, filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(p), ".kata-copy-") {
			t.Errorf("left: %s", p)
		}
		return err
	}))
	if len(tree.uploads) != 0 {
		t.Errorf("%d uploads left in the list", len(tree.uploads))
	}
}

func TestModesAndOwners(t *testing.T) {
	tree, root := newTree(t)
	guesttest.Must(t, os.MkdirAll(root+"/have", 0o711))
	r := regular(root+"/have/new/deep/f", "x")
	r.FileMode, r.DirMode, r.UID, r.GID = unix.S_IFREG|0o4755, 0o20000000750, 7, 8
	guesttest.Must(t, tree.Copy(r))
	if st := stat(t, r.Path); st.Mode&0o7777 != 0o4755 || st.Uid != 7 || st.Gid != 8 {
		t.Errorf("file %#o %d:%d", st.Mode, st.Uid, st.Gid)
	}
	if st := stat(t, root+"/have/new/deep"); st.Mode&0o7777 != 0o750 || st.Uid != 7 || st.Gid != 8 {
		t.Errorf("nearest parent %#o %d:%d", st.Mode, st.Uid, st.Gid)
	}
	r.Path = root + "/have/g"
	guesttest.Must(t, tree.Copy(r))
	if st := stat(t, root+"/have"); st.Mode&0o7777 != 0o711 || st.Uid != 0 {
		t.Errorf("an existing parent was changed: %#o %d", st.Mode, st.Uid)
	}
	r.UID, r.GID, r.Path = -1, -1, root+"/keep"
	r.FileMode, r.DirMode = 0o600, 0 // no type bits, no directory mode
	guesttest.Must(t, tree.Copy(r))
	if st := stat(t, r.Path); st.Mode != unix.S_IFREG|0o600 || st.Uid != 0 {
		t.Errorf("%#o %d", st.Mode, st.Uid)
	}
	d := Request{Path: root + "/dir", FileMode: unix.S_IFDIR | 0o2770, UID: 5, GID: 6}
	guesttest.Must(t, tree.Copy(d))
	guesttest.Must(t, os.WriteFile(root+"/dir/content", nil, 0o600))
	d.FileMode = unix.S_IFDIR | 0o700
	guesttest.Must(t, tree.Copy(d))
	if st := stat(t, d.Path); st.Mode != unix.S_IFDIR|0o700 || st.Uid != 5 || st.Gid != 6 {
		t.Errorf("directory %#o %d:%d", st.Mode, st.Uid, st.Gid)
	}
	wantFile(t, root+"/dir/content", "")
	l := Request{Path: root + "/link", FileMode: unix.S_IFLNK | 0o777, UID: 3, GID: 4, Data: []byte("/anywhere")}
	guesttest.Must(t, tree.Copy(l))
	if st := stat(t, l.Path); st.Uid != 3 || st.Gid != 4 {
		t.Errorf("link %d:%d", st.Uid, st.Gid)
	}
	noLeftovers(t, tree, root)
}

// Every kind replaces every other kind.
func TestReplace(t *testing.T) {
	tree, root := newTree(t)
	p := root + "/d/x"
	kinds := map[string]Request{
		"file":  regular(p, "data"),
		"empty": regular(p, ""),
		"dir":   {Path: p, FileMode: unix.S_IFDIR | 0o755},
		"link":  {Path: p, FileMode: unix.S_IFLNK | 0o777, Data: []byte("../target")},
	}
	modes := map[string]uint32{"file": unix.S_IFREG, "empty": unix.S_IFREG, "dir": unix.S_IFDIR, "link": unix.S_IFLNK}
	for before, b := range kinds {
		for after, a := range kinds {
			guesttest.Must(t, tree.Copy(b))
			if before == "dir" {
				guesttest.Must(t, os.MkdirAll(p+"/full/of", 0o755))
			}
			if err := tree.Copy(a); err != nil {
				t.Errorf("%s over %s: %v", after, before, err)
			} else if got := stat(t, p).Mode & unix.S_IFMT; got != modes[after] {
				t.Errorf("%s over %s: type %#o", after, before, got)
			}
		}
	}
	noLeftovers(t, tree, root)
}

// What is replaced is never missing: the atomic update of mounted secrets, and a
// directory that becomes a file and back.
func TestReplacedIsNeverMissing(t *testing.T) {
	tree, root := newTree(t)
	p := root + "/..data"
	link := func(i int) Request {
		return Request{Path: p, FileMode: unix.S_IFLNK | 0o777, Data: fmt.Appendf(nil, "..2024_%d", i)}
	}
	file := regular(p, "x")
	dir := Request{Path: p, FileMode: unix.S_IFDIR | 0o755}
	for name, next := range map[string]func(i int) Request{
		"link by link": link,
		"each by each": func(i int) Request { return []Request{link(i), file, dir}[i%3] },
	} {
		guesttest.Must(t, tree.Copy(next(0)))
		stop, missing := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			for {
				select {
				case <-stop:
					missing <- n
					return
				default:
					if _, err := os.Lstat(p); err != nil {
						n++
					}
				}
			}
		}()
		for i := range 300 {
			guesttest.Must(t, tree.Copy(next(i)))
		}
		close(stop)
		if n := <-missing; n > 0 {
			t.Errorf("%s: missing %d times", name, n)
		}
	}
}

func TestChunks(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 100)
	piece := func(p string, first, end int) Request {
		r := regular(p, "")
		r.FileSize, r.Offset, r.Data = int64(len(data)), int64(first), data[first:end]
		return r
	}
	for name, order := range map[string][][2]int{
		"in order":       {{0, 400}, {400, 800}, {800, 1000}},
		"last first":     {{800, 1000}, {400, 800}, {0, 400}},
		"repeated":       {{0, 400}, {400, 800}, {400, 800}, {800, 1000}},
		"overlapping":    {{0, 500}, {300, 900}, {850, 1000}},
		"begun anew":     {{0, 400}, {400, 800}, {0, 400}, {400, 800}, {800, 1000}},
		"with an empty":  {{0, 0}, {0, 1000}},
		"middle twice":   {{200, 300}, {100, 400}, {400, 1000}, {0, 100}},
		"in one request": {{0, 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			tree, root := newTree(t)
			guesttest.Must(t, os.MkdirAll(root, 0o755))
			guesttest.Must(t, os.WriteFile(root+"/f", []byte("old"), 0o600))
			for i, o := range order {
				guesttest.Must(t, tree.Copy(piece(root+"/f", o[0], o[1])))
				if i < len(order)-1 {
					wantFile(t, root+"/f", "old")
				}
			}
			wantFile(t, root+"/f", string(data))
			noLeftovers(t, tree, root)
		})
	}
}

func TestAnotherSizeBeginsAnew(t *testing.T) {
	tree, root := newTree(t)
	r := regular(root+"/f", "")
	r.FileSize, r.Data = 10, []byte("01234")
	guesttest.Must(t, tree.Copy(r))
	guesttest.Must(t, tree.Copy(regular(root+"/f", "short")))
	wantFile(t, root+"/f", "short")
	noLeftovers(t, tree, root)
}

func TestRefused(t *testing.T) {
	tree, root := newTree(t)
	base := regular(root+"/f", "data")
	tests := map[string]struct {
		change func(*Request)
		want   error
	}{
		"outside":        {func(r *Request) { r.Path = "/etc/passwd" }, ErrOutside},
		"beside":         {func(r *Request) { r.Path = root + "x/f" }, ErrOutside},
		"root":           {func(r *Request) { r.Path = root }, ErrOutside},
		"root slash":     {func(r *Request) { r.Path = root + "//./" }, ErrOutside},
		"dots":           {func(r *Request) { r.Path = root + "/a/../../f" }, ErrOutside},
		"inner dots":     {func(r *Request) { r.Path = root + "/a/../f" }, ErrOutside},
		"empty":          {func(r *Request) { r.Path = "" }, ErrOutside},
		"zero byte":      {func(r *Request) { r.Path = root + "/a\x00b" }, ErrOutside},
		"block device":   {func(r *Request) { r.FileMode = unix.S_IFBLK | 0o644 }, ErrType},
		"char device":    {func(r *Request) { r.FileMode = unix.S_IFCHR | 0o644 }, ErrType},
		"socket":         {func(r *Request) { r.FileMode = unix.S_IFSOCK | 0o644 }, ErrType},
		"fifo":           {func(r *Request) { r.FileMode = unix.S_IFIFO | 0o644 }, ErrType},
		"size":           {func(r *Request) { r.FileSize = -1 }, ErrRange},
		"offset":         {func(r *Request) { r.Offset = -1 }, ErrRange},
		"overflow":       {func(r *Request) { r.Offset, r.FileSize = 1<<63-1, 1<<63-1 }, ErrRange},
		"size too small": {func(r *Request) { r.FileSize = 3 }, ErrRange},
		"past the end":   {func(r *Request) { r.Offset = 1 }, ErrRange},
		"owner":          {func(r *Request) { r.UID = -2 }, ErrOwner},
		"empty link":     {func(r *Request) { r.FileMode, r.Data = unix.S_IFLNK, nil }, unix.EINVAL},
	}
	for name, tt := range tests {
		r := base
		tt.change(&r)
		if err := tree.Copy(r); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "copy file") {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	noLeftovers(t, tree, filepath.Dir(root))
}

func TestHostileTree(t *testing.T) {
	tree, root := newTree(t)
	outside := t.TempDir()
	guesttest.Must(t, os.WriteFile(outside+"/secret", []byte("secret"), 0o600))
	guesttest.Must(t, os.MkdirAll(root+"/vol", 0o755))
	guesttest.Must(t, os.Symlink(outside, root+"/vol/abs"))
	guesttest.Must(t, os.Symlink("../../../../../../../.."+outside, root+"/vol/rel"))
	guesttest.Must(t, os.Symlink(outside+"/secret", root+"/vol/file"))
	guesttest.Must(t, os.Symlink("/proc/self/cwd", root+"/vol/magic"))
	guesttest.Must(t, os.Symlink("loop", root+"/vol/loop"))
	for _, rel := range []string{"vol/abs/secret", "vol/rel/secret", "vol/magic/x", "vol/loop/x"} {
		// Re-rooted, these lead to directories that do not exist below the tree.
		if err := tree.Copy(regular(root+"/"+rel, "evil")); err == nil {
			t.Logf("%s was placed inside the tree", rel)
		}
	}
	guesttest.Must(t, tree.Copy(regular(root+"/vol/file", "mine")))
	if stat(t, root+"/vol/file").Mode&unix.S_IFMT != unix.S_IFREG {
		t.Error("the link was written through, not replaced")
	}
	guesttest.Must(t, tree.Copy(Request{Path: root + "/vol/abs", FileMode: unix.S_IFDIR | 0o777, UID: 1, GID: 1}))
	wantFile(t, outside+"/secret", "secret")
	names, err := os.ReadDir(outside)
	guesttest.Must(t, err)
	if len(names) != 1 || stat(t, outside).Uid != 0 {
		t.Errorf("outside: %v", names)
	}
	// An absolute link stays inside, as if the tree were "/".
	guesttest.Must(t, os.MkdirAll(root+"/there", 0o755))
	guesttest.Must(t, os.Symlink("/there", root+"/vol/in"))
	guesttest.Must(t, tree.Copy(regular(root+"/vol/in/f", "x")))
	wantFile(t, root+"/there/f", "x")
	noLeftovers(t, tree, root)
}

// Whoever can write to the directory may put things at the name of the unfinished file.
func TestUnfinishedFileExchanged(t *testing.T) {
	tree, root := newTree(t)
	victim := t.TempDir() + "/victim"
	guesttest.Must(t, os.WriteFile(victim, []byte("victim"), 0o600))
	guesttest.Must(t, os.MkdirAll(root, 0o755))
	tmp := root + "/" + tempName("f")
	plant := map[string]func() error{
		"link":      func() error { return os.Symlink(victim, tmp) },
		"hard link": func() error { return os.Link(victim, tmp) },
		"fifo":      func() error { return unix.Mkfifo(tmp, 0o666) },
		"directory": func() error { return os.MkdirAll(tmp+"/x", 0o755) },
	}
	for name, p := range plant {
		guesttest.Must(t, os.RemoveAll(tmp))
		guesttest.Must(t, p())
		if err := tree.Copy(regular(root+"/f", "whole")); err != nil {
			t.Errorf("%s before: %v", name, err)
		}
		r := regular(root+"/f", "01234")
		r.FileSize = 10
		guesttest.Must(t, tree.Copy(r))
		guesttest.Must(t, os.RemoveAll(tmp))
		guesttest.Must(t, p())
		r.Offset = 5
		if err := tree.Copy(r); err == nil {
			t.Errorf("%s between two pieces was not noticed", name)
		}
		wantFile(t, root+"/f", "whole")
		wantFile(t, victim, "victim")
		noLeftovers(t, tree, root)
	}
}

func TestConcurrentUploads(t *testing.T) {
	tree, root := newTree(t)
	const files, pieces = 12, 16
	var wg sync.WaitGroup
	for i := range files {
		// Names that differ in their extension only.
		p := fmt.Sprintf("%s/d%d/cert.%d", root, i%3, i)
		for j := range pieces {
			wg.Go(func() {
				r := regular(p, "")
				r.FileSize, r.Offset = pieces*100, int64(j)*100
				r.Data = bytes.Repeat([]byte{byte('a' + i)}, 100)
				if err := tree.Copy(r); err != nil {
					t.Error(err)
				}
			})
		}
	}
	// The same link and directory from many sides at once.
	for i := range 32 {
		wg.Go(func() {
			r := Request{Path: root + "/d0/same", FileMode: unix.S_IFLNK | 0o777, Data: []byte("x")}
			if i%2 == 0 {
				r.FileMode = unix.S_IFDIR | 0o755
			}
			if err := tree.Copy(r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range files {
		wantFile(t, fmt.Sprintf("%s/d%d/cert.%d", root, i%3, i), strings.Repeat(string(rune('a'+i)), pieces*100))
	}
	noLeftovers(t, tree, root)
}

func TestAbandonedUploadsAreCleared(t *testing.T) {
	tree, root := newTree(t)
	now := time.Now()
	tree.now = func() time.Time { return now }
	r := regular(root+"/d/half", "01234")
	r.FileSize = 10
	guesttest.Must(t, tree.Copy(r))
	now = now.Add(abandoned - time.Second)
	guesttest.Must(t, tree.Copy(regular(root+"/other", "x")))
	if _, err := os.Lstat(root + "/d/" + tempName("d/half")); err != nil {
		t.Error("cleared away too early:", err)
	}
	now = now.Add(time.Second)
	guesttest.Must(t, tree.Copy(regular(root+"/other", "x")))
	noLeftovers(t, tree, root)
}

func TestSpans(t *testing.T) {
	var l spans
	for _, s := range []span{{10, 20}, {30, 40}, {5, 5}, {20, 30}, {0, 5}, {4, 11}} {
		l = l.add(s)
	}
	if len(l) != 1 || l[0] != (span{0, 40}) || !l.complete(40) || l.complete(41) {
		t.Errorf("%v", l)
	}
}

// TestUnfinishedFilesAreBounded: what a host begins and does not end is kept for a while, and takes
// memory.
func TestUnfinishedFilesAreBounded(t *testing.T) {
	tree, root := newTree(t)
	piece := regular(root+"/f", "x")
	piece.FileSize = 1 << 20
	for i := range maxUploads {
		piece.Path = fmt.Sprintf("%s/f%d", root, i)
		guesttest.Must(t, tree.Copy(piece))
	}
	piece.Path = root + "/one-more"
	if err := tree.Copy(piece); !errors.Is(err, ErrFull) {
		t.Errorf("%v, want %v", err, ErrFull)
	}
	// Those that are known go on, and the room that one leaves is another's.
	rest := regular(root+"/f0", strings.Repeat("x", 1<<20))
	guesttest.Must(t, tree.Copy(rest))
	guesttest.Must(t, tree.Copy(piece))
}

// TestPiecesOfAFileAreBounded: gaps are kept in mind too.
func TestPiecesOfAFileAreBounded(t *testing.T) {
	tree, root := newTree(t)
	piece := regular(root+"/f", "x")
	piece.FileSize = 1 << 30
	var err error
	n := 0
	for ; n <= maxPieces && err == nil; n++ {
		piece.Offset = int64(2*n + 1)
		err = tree.Copy(piece)
	}
	if !errors.Is(err, ErrFull) || n != maxPieces+1 {
		t.Errorf("after %d pieces: %v, want %v after %d", n, err, ErrFull, maxPieces+1)
	}
	noLeftovers(t, tree, root)
}
