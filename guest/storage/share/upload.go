// SPDX-License-Identifier: Apache-2.0

package share

import (
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

var errExchanged = errors.New("the unfinished file was exchanged by somebody else")

// upload is one path below the tree's root while something is received for it.
type upload struct {
	mu    sync.Mutex // held while a request is served; Tree.mu may be taken inside
	ended bool       // published or cleared away: not to be used again

	size int64
	got  spans
	file fileID // of the temporary file

	last time.Time // guarded by Tree.mu
}

type fileID struct{ dev, ino uint64 }

// lock finds or begins the upload of rel and locks it.
func (t *Tree) lock(rel string) (*upload, error) {
	for {
		t.mu.Lock()
		u := t.uploads[rel]
		if u == nil && len(t.uploads) >= maxUploads {
			t.mu.Unlock()
			return nil, fmt.Errorf("%w: %d files are unfinished", ErrFull, maxUploads)
		}
		if u == nil {
			u = &upload{size: -1}
			t.uploads[rel] = u
		}
		u.last = t.now()
		t.mu.Unlock()
		u.mu.Lock()
		if !u.ended {
			return u, nil
		}
		u.mu.Unlock() // ended by another call while this one waited
	}
}

// take writes one piece and publishes the file if it was the last one missing.
func (u *upload) take(parent *os.File, rel string, r *Request) (done bool, err error) {
	tmp := tempName(rel)
	if done, err = u.put(parent, tmp, r); done && err == nil {
		err = replace(parent, tmp, path.Base(rel))
	}
	if err != nil {
		return done, errors.Join(err, safepath.RemoveAll(parent, tmp))
	}
	return done, nil
}

// put writes the piece to the temporary file, and sets owner and mode with the last.
func (u *upload) put(parent *os.File, tmp string, r *Request) (done bool, err error) {
	f, err := u.open(parent, tmp, r)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if _, err := f.WriteAt(r.Data, r.Offset); err != nil {
		return false, err
	}
	u.got = u.got.add(span{r.Offset, r.Offset + int64(len(r.Data))})
	if len(u.got) > maxPieces {
		return true, fmt.Errorf("%w: %d pieces of one file with gaps between them", ErrFull, len(u.got))
	}
	if !u.got.complete(u.size) {
		return false, nil
	}
	return true, dress(f, r)
}

// open opens the temporary file. The first byte again, or another size, is the file
// sent anew. The file's name can be foretold by who writes to the same directory, so a
// new one replaces what has the name, and a known one must be the file it was.
func (u *upload) open(parent *os.File, tmp string, r *Request) (*os.File, error) {
	if u.size != r.FileSize || r.Offset == 0 && u.got.begun() {
		if err := safepath.RemoveAll(parent, tmp); err != nil {
			return nil, err
		}
		f, err := safepath.OpenChild(parent, tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		u.size, u.got = r.FileSize, nil
		u.file, err = identify(f)
		return f, err
	}
	f, err := safepath.OpenChild(parent, tmp, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if id, err := identify(f); err != nil || id != u.file {
		f.Close()
		return nil, errors.Join(errExchanged, err)
	}
	return f, nil
}

func identify(f *os.File) (fileID, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return fileID{uint64(st.Dev), st.Ino}, err
}

// end takes u, which is locked, off the list.
func (t *Tree) end(rel string, u *upload) {
	u.ended = true
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.uploads[rel] == u {
		delete(t.uploads, rel)
	}
}

// sweep clears away the uploads nobody has gone on with.
func (t *Tree) sweep(d *safepath.Dir) {
	t.mu.Lock()
	var old []string
	for rel, u := range t.uploads {
		if t.now().Sub(u.last) >= abandoned {
			old = append(old, rel)
		}
	}
	t.mu.Unlock()
	for _, rel := range old {
		t.forget(d, rel)
	}
}

// forget clears the upload of rel away, unless a piece of it is being written.
func (t *Tree) forget(d *safepath.Dir, rel string) {
	t.mu.Lock()
	u := t.uploads[rel]
	t.mu.Unlock()
	if u == nil || !u.mu.TryLock() {
		return
	}
	defer u.mu.Unlock()
	if u.ended {
		return
	}
	t.end(rel, u)
	// What cannot be removed is overwritten by the next upload of that name.
	_ = d.RemoveAll(path.Join(path.Dir(rel), tempName(rel)))
}
