// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// Event is something to tell about a watch after it began: it was bound instead of
// copied (ErrTooMany, ErrTooLarge), or an update failed and will be tried again. The
// same failure is told once.
type Event struct {
	Source, Target string
	Err            error
}

// Watch is one source and its copy. Its goroutine alone touches the target.
type Watch struct {
	source, target string
	mounts         mount.Mounter
	interval       time.Duration
	pollOnly       bool
	tell           func(Event)

	stop context.CancelFunc
	done chan struct{} // closed by the goroutine when the target is cleared away
	end  sync.Mutex
	err  error // of the clearing away; guarded by end, used after done

	known snapshot
	bound mount.Made
	made  bool   // the target was made here
	last  string // text of the last failure told
}

// tornRetry is how soon a source that changed while it was read is read again.
const tornRetry = 100 * time.Millisecond

// firstTries is how often that is done before a container may start with the content
// it then finds.
const firstTries = 20

// result is how the first copy went, and whether the watch goes on after it.
type result struct {
	err    error
	goesOn bool
}

// run is the goroutine. The first copy's result goes to first; a source that cannot be
// read then ends the watch.
func (w *Watch) run(ctx context.Context, first chan<- result) {
	defer close(w.done)
	defer func() { w.err = w.clear() }()
	wake := &waker{interval: w.interval, pollOnly: w.pollOnly}
	defer wake.close()
	err := w.sync(ctx, wake)
	for i := 0; i < firstTries && errors.Is(err, errTorn) && ctx.Err() == nil; i++ {
		wake.wait(ctx, true)
		err = w.sync(ctx, wake)
	}
	goesOn := err == nil || w.isBound() || errors.Is(err, errTorn)
	first <- result{err: err, goesOn: goesOn}
	if !goesOn {
		return
	}
	for {
		if wake.wait(ctx, errors.Is(err, errTorn)); ctx.Err() != nil {
			return
		}
		if err = w.sync(ctx, wake); err != nil {
			w.report(err)
		} else {
			w.last = ""
		}
	}
}

func (w *Watch) isBound() bool { return w.bound.Mounted }

func (w *Watch) report(err error) {
	if w.tell != nil && err.Error() != w.last && !errors.Is(err, errTorn) {
		w.tell(Event{Source: w.source, Target: w.target, Err: err})
	}
	w.last = err.Error()
}

// sync looks at the source once and copies what changed.
func (w *Watch) sync(ctx context.Context, wake *waker) error {
	root, err := w.mounts.OpenSource(w.source)
	if err != nil {
		return err
	}
	defer root.Close()
	now, err := scan(root)
	if errors.Is(err, ErrTooMany) || errors.Is(err, ErrTooLarge) {
		return errors.Join(err, w.bind())
	}
	if err != nil {
		return err
	}
	if err := w.unbind(); err != nil {
		return err
	}
	wake.cover(root, now)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if now["."].kind() == unix.S_IFDIR {
		return w.syncDir(root, now)
	}
	return w.syncFile(root, now["."])
}

func (w *Watch) syncDir(root *os.File, now snapshot) error {
	dir, made, err := w.mounts.MkdirAll(w.target)
	if err != nil {
		return err
	}
	defer dir.Close()
	w.made = w.made || made
	if w.known["."] != now["."] {
		f, err := safepath.At(dir, safepath.Refuse).Open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := dress(f, now["."]); err != nil {
			return err
		}
		w.known["."] = now["."]
	}
	m := mirror{source: safepath.At(root, safepath.Refuse), target: safepath.At(dir, safepath.Refuse), known: w.known}
	err = m.update(now)
	if errors.Is(err, unix.ENOENT) { // something was removed from the copy: make it anew as a whole
		clear(w.known)
	}
	return err
}

// syncFile writes over the target in place: a container has that very file bound, and
// would not see another one put under its name.
func (w *Watch) syncFile(root *os.File, e entry) error {
	if w.known["."] == e {
		return nil
	}
	if e.kind() != unix.S_IFREG {
		return fmt.Errorf("%s is neither a directory nor a regular file", w.source)
	}
	src, err := os.OpenFile(safepath.FDPath(root), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	data, err := readOpen(src, e)
	if err != nil {
		return err
	}
	f, made, err := w.mounts.OpenFile(w.target)
	if err != nil {
		return err
	}
	defer f.Close()
	w.made = w.made || made
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	if err := f.Truncate(e.size); err != nil {
		return err
	}
	if err := dress(f, e); err != nil {
		return err
	}
	w.known["."] = e
	return nil
}

// bind shows the source itself at the target, for as long as it is too large to be copied.
func (w *Watch) bind() error {
	if w.isBound() {
		return nil
	}
	made, err := w.mounts.Mount(mount.Spec{Source: w.source, Target: w.target, FSType: "bind"})
	if err == nil {
		w.bound = made
		w.made = w.made || made.Created
	}
	return err
}

// unbind brings the copy back to light, in which a container that has it sees changes again.
func (w *Watch) unbind() error {
	if !w.isBound() {
		return nil
	}
	if err := w.mounts.Unmount(w.target); err != nil {
		return err
	}
	w.bound = mount.Made{}
	return nil
}

// clear removes the copy, or the bind and what lies below it.
func (w *Watch) clear() error {
	if w.isBound() {
		if err := w.mounts.Unmount(w.target); err != nil {
			return err
		}
	}
	if !w.made {
		return nil
	}
	return w.mounts.RemoveAll(w.target)
}

// Close ends the watch and clears its target away; after an error it may be called again. If the source hangs it returns an
// error after a few seconds, or with ctx; the target is then cleared as soon as the
// source answers.
func (w *Watch) Close(ctx context.Context) error {
	w.stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	select {
	case <-w.done:
		w.end.Lock()
		defer w.end.Unlock()
		if w.err != nil {
			w.err = w.clear()
		}
		return w.err
	case <-ctx.Done():
		return fmt.Errorf("end watch of %q: the source does not answer: %w", w.source, ctx.Err())
	}
}
