// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

func reads(p, want string) func() bool {
	return func() bool { b, err := os.ReadFile(p); return err == nil && string(b) == want }
}

// share is a tmpfs with a source directory and an empty watchable directory.
func share(t *testing.T, poll bool) (s *Set, source, root string) {
	t.Helper()
	guesttest.NoLeak(t)
	dir := guesttest.Tmpfs(t)
	source, root = dir+"/source", dir+"/watchable"
	guesttest.Must(t, os.Mkdir(source, 0o755))
	guesttest.Must(t, os.Mkdir(root, 0o755))
	s = &Set{Mounts: mount.Mounter{Confined: []string{dir}}, Roots: []string{root}, Interval: 10 * time.Millisecond, pollOnly: poll}
	t.Cleanup(func() { guesttest.Must(t, s.Close(context.Background())) })
	return s, source, root
}

// both runs a test with inotify and with looking at intervals.
func both(t *testing.T, f func(t *testing.T, poll bool)) {
	for name, poll := range map[string]bool{"notified": false, "polled": true} {
		t.Run(name, func(t *testing.T) { f(t, poll) })
	}
}

func TestContentFollows(t *testing.T) {
	both(t, func(t *testing.T, poll bool) {
		s, source, root := share(t, poll)
		guesttest.Must(t, os.MkdirAll(source+"/sub", 0o750))
		guesttest.Must(t, os.WriteFile(source+"/sub/a", []byte("1"), 0o640))
		guesttest.Must(t, os.Chown(source+"/sub/a", 11, 12))
		guesttest.Must(t, os.Symlink("sub/a", source+"/link"))
		guesttest.Must(t, unix.Mkfifo(source+"/fifo", 0o644))
		target := root + "/cm"
		w, warning, err := s.Add(t.Context(), source, target)
		guesttest.Must(t, errors.Join(warning, err))
		if !reads(target+"/link", "1")() {
			t.Error("the first copy is not there when Add returns")
		}
		fi, err := os.Stat(target + "/sub/a")
		guesttest.Must(t, err)
		if st := fi.Sys().(*syscall.Stat_t); st.Uid != 11 || st.Gid != 12 || st.Mode&0o7777 != 0o640 {
			t.Errorf("%d:%d %#o", st.Uid, st.Gid, st.Mode)
		}
		guesttest.Must(t, os.WriteFile(source+"/sub/a", []byte("22"), 0o640))
		guesttest.Must(t, os.WriteFile(source+"/new", []byte("n"), 0o600))
		guesttest.Must(t, os.Chmod(source+"/sub", 0o700))
		guard.Until(t, "a change arrives", reads(target+"/sub/a", "22"))
		guard.Until(t, "a new file arrives", reads(target+"/new", "n"))
		guard.Until(t, "a mode arrives", func() bool {
			fi, err := os.Stat(target + "/sub")
			return err == nil && fi.Mode().Perm() == 0o700
		})
		guesttest.Must(t, os.RemoveAll(source+"/sub"))
		guard.Until(t, "a removal arrives", func() bool { _, err := os.Lstat(target + "/sub"); return os.IsNotExist(err) })
		// A kind that changes, in a directory that came later.
		guesttest.Must(t, os.MkdirAll(source+"/d/e", 0o755))
		guard.Until(t, "a directory arrives", func() bool { _, err := os.Lstat(target + "/d/e"); return err == nil })
		guesttest.Must(t, os.Remove(source+"/d/e"))
		guesttest.Must(t, os.WriteFile(source+"/d/e", []byte("file"), 0o600))
		guard.Until(t, "a file in place of a directory", reads(target+"/d/e", "file"))
		guesttest.Must(t, w.Close(t.Context()))
		if _, err := os.Lstat(target); !os.IsNotExist(err) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// kubelet writes a new directory, moves ..data to it, and removes the old one. At no
// moment may a key be missing or lead to nothing.
func TestDataSwapIsAtomic(t *testing.T) {
	both(t, func(t *testing.T, poll bool) {
		s, source, root := share(t, poll)
		publish := func(gen int) {
			dir := fmt.Sprintf("..gen_%d", gen)
			guesttest.Must(t, os.Mkdir(source+"/"+dir, 0o755))
			for _, key := range []string{"key", "other"} {
				guesttest.Must(t, os.WriteFile(source+"/"+dir+"/"+key, []byte(fmt.Sprint(gen)), 0o644))
			}
			guesttest.Must(t, os.Symlink(dir, source+"/..data_tmp"))
			guesttest.Must(t, os.Rename(source+"/..data_tmp", source+"/..data"))
			if gen > 0 {
				guesttest.Must(t, os.RemoveAll(fmt.Sprintf("%s/..gen_%d", source, gen-1)))
			}
		}
		publish(0)
		guesttest.Must(t, os.Symlink("..data/key", source+"/key"))
		target := root + "/cm"
		_, warning, err := s.Add(t.Context(), source, target)
		guesttest.Must(t, errors.Join(warning, err))
		stop, bad := make(chan struct{}), make(chan []string, 1)
		go func() {
			var seen []string
			for {
				select {
				case <-stop:
					bad <- seen
					return
				default:
				}
				if b, err := os.ReadFile(target + "/key"); err != nil || len(b) == 0 {
					// A directory that is removed between the look-up of ..data and the
					// open is the old one: so it is on kubelet's own volumes.
					if b, err = os.ReadFile(target + "/key"); err != nil || len(b) == 0 {
						seen = append(seen, fmt.Sprint(string(b), err))
					}
				}
			}
		}()
		for gen := 1; gen <= 20; gen++ {
			publish(gen)
			guard.Until(t, "the generation arrives", reads(target+"/key", fmt.Sprint(gen)))
		}
		close(stop)
		if seen := <-bad; len(seen) > 0 {
			t.Errorf("%d times, first: %s", len(seen), seen[0])
		}
		guard.Until(t, "the old directory goes", func() bool {
			names, _ := filepath.Glob(target + "/..gen_*")
			return len(names) == 1
		})
	})
}

// A container has the file itself bound, so it must stay the same file.
func TestSingleFile(t *testing.T) {
	s, source, root := share(t, false)
	guesttest.Must(t, os.WriteFile(source+"/f", []byte("first, longer"), 0o644))
	target := root + "/f"
	_, warning, err := s.Add(t.Context(), source+"/f", target)
	guesttest.Must(t, errors.Join(warning, err))
	held, err := os.Open(target)
	guesttest.Must(t, err)
	defer held.Close()
	guesttest.Must(t, os.WriteFile(source+"/f", []byte("second"), 0o644))
	guard.Until(t, "the change arrives", reads(target, "second"))
	b := make([]byte, 20)
	if n, _ := held.ReadAt(b, 0); string(b[:n]) != "second" {
		t.Errorf("the file was exchanged: %q", b[:n])
	}
}

func TestLimits(t *testing.T) {
	fill := func(t *testing.T, dir string, files int) {
		t.Helper()
		for i := range files {
			guesttest.Must(t, os.WriteFile(fmt.Sprintf("%s/f%d", dir, i), nil, 0o644))
		}
	}
	size := func(t *testing.T, dir string, n int) {
		t.Helper()
		guesttest.Must(t, os.WriteFile(dir+"/big", make([]byte, n), 0o644))
	}
	for name, tt := range map[string]struct {
		make func(t *testing.T, dir string)
		want error
	}{
		"15 files":          {func(t *testing.T, d string) { fill(t, d, 15) }, nil},
		"16 files":          {func(t *testing.T, d string) { fill(t, d, 16) }, ErrTooMany},
		"1 MiB":             {func(t *testing.T, d string) { size(t, d, 1<<20) }, nil},
		"1 MiB and a byte":  {func(t *testing.T, d string) { size(t, d, 1<<20+1) }, ErrTooLarge},
		"very many entries": {func(t *testing.T, d string) { fill(t, d, 500) }, ErrTooMany},
	} {
		t.Run(name, func(t *testing.T) {
			s, source, root := share(t, false)
			tt.make(t, source)
			target := root + "/cm"
			w, warning, err := s.Add(t.Context(), source, target)
			guesttest.Must(t, err)
			if !errors.Is(warning, tt.want) || tt.want == nil && warning != nil {
				t.Errorf("%v, want %v", warning, tt.want)
			}
			if bound, _ := s.Mounts.IsMounted(target); bound != (tt.want != nil) {
				t.Errorf("bound: %v", bound)
			}
			guesttest.Must(t, w.Close(t.Context()))
			if names, _ := os.ReadDir(source); len(names) == 0 {
				t.Error("Close removed the source through the bind")
			}
			if _, err := os.Lstat(target); !os.IsNotExist(err) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestGrowingTooLargeIsTold(t *testing.T) {
	s, source, root := share(t, false)
	events := make(chan Event, 10)
	s.Tell = func(e Event) { events <- e }
	_, warning, err := s.Add(t.Context(), source, root+"/cm")
	guesttest.Must(t, errors.Join(warning, err))
	guesttest.Must(t, os.WriteFile(source+"/big", make([]byte, 2<<20), 0o644))
	for e := range events {
		if errors.Is(e.Err, ErrTooLarge) {
			break
		}
	}
	if bound, _ := s.Mounts.IsMounted(root + "/cm"); !bound {
		t.Error("not bound")
	}
}

// TestShrunkSourceIsFollowedAgain: a source that outgrew the limit is copied again once it fits, into the
// very directory that a container had before.
func TestShrunkSourceIsFollowedAgain(t *testing.T) {
	for _, poll := range []bool{false, true} {
		s, source, root := share(t, poll)
		target := root + "/cm"
		guesttest.Must(t, os.WriteFile(source+"/f", []byte("1"), 0o644))
		_, warning, err := s.Add(t.Context(), source, target)
		guesttest.Must(t, errors.Join(warning, err))
		copied, err := os.Stat(target)
		guesttest.Must(t, err)
		guesttest.Must(t, os.WriteFile(source+"/big", make([]byte, 2<<20), 0o644))
		guard.Until(t, "the source is bound", func() bool { bound, _ := s.Mounts.IsMounted(target); return bound })
		guesttest.Must(t, os.Remove(source+"/big"))
		guesttest.Must(t, os.WriteFile(source+"/f", []byte("2"), 0o644))
		guard.Until(t, "the copy follows", func() bool {
			again, err := os.Stat(target)
			return err == nil && os.SameFile(copied, again) && reads(target+"/f", "2")()
		})
		if bound, _ := s.Mounts.IsMounted(target); bound {
			t.Error("still bound")
		}
	}
}

// A copy that fails is told once and tried again.
func TestFailureIsRetried(t *testing.T) {
	s, source, root := share(t, true)
	events := make(chan Event, 100)
	s.Tell = func(e Event) { events <- e }
	guesttest.Must(t, os.WriteFile(source+"/f", []byte("1"), 0o644))
	target := root + "/cm"
	_, warning, err := s.Add(t.Context(), source, target)
	guesttest.Must(t, errors.Join(warning, err))
	guesttest.Must(t, unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	guesttest.Must(t, os.WriteFile(source+"/f", []byte("2"), 0o644))
	e := <-events
	if !errors.Is(e.Err, unix.EROFS) || e.Source != source || e.Target != target {
		t.Errorf("%+v, want %v of %s at %s", e, unix.EROFS, source, target)
	}
	guesttest.Must(t, unix.Mount("", root, "", unix.MS_REMOUNT, ""))
	guard.Until(t, "the copy succeeds", reads(target+"/f", "2"))
	if n := len(events); n > 0 {
		t.Errorf("told %d times more: %v", n, (<-events).Err)
	}
}

func TestRefused(t *testing.T) {
	s, source, root := share(t, false)
	for mp, want := range map[string]error{
		"watchable/x": ErrMountPoint, root + "/../x": ErrMountPoint, root + "/x/": ErrMountPoint,
		root + "/a/b": ErrRoot, "/run/user/0" + root + "/x": ErrRoot, "/run/user/07" + root + "/x": ErrRoot,
	} {
		if _, _, err := s.Add(t.Context(), source, mp); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", mp, err, want)
		}
	}
	other := filepath.Dir(root) + "/other"
	s.Roots = append(s.Roots, other)
	if _, _, err := s.Add(t.Context(), source, other+"/x"); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a root that is not there: %v, want %v", err, unix.ENOENT)
	}
	if _, _, err := s.Add(t.Context(), source+"/missing", root+"/x"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a source that is not there: %v, want %v", err, unix.ENOENT)
	}
	if _, _, err := s.Add(t.Context(), source, other+"/x"); !errors.Is(err, ErrOtherRoot) {
		t.Errorf("got %v, want %v", err, ErrOtherRoot)
	}
	if got := userPrefix("/run/user/1000/run/x"); got != "/run/user/1000" {
		t.Errorf("%q", got)
	}
}

func TestSetCloseEndsAll(t *testing.T) {
	s, source, root := share(t, false)
	before := runtime.NumGoroutine()
	for i := range 5 {
		_, warning, err := s.Add(t.Context(), source, fmt.Sprintf("%s/cm%d", root, i))
		guesttest.Must(t, errors.Join(warning, err))
	}
	guesttest.Must(t, s.Close(t.Context()))
	if on, _ := s.Mounts.IsMounted(root); on {
		t.Error("the tmpfs is still mounted")
	}
	guard.Until(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	if _, _, err := s.Add(t.Context(), source, root+"/late"); !errors.Is(err, errClosed) && err == nil {
		t.Error("a watch after the end")
	}
}

// Close has its limit even if the goroutine hangs in the source.
func TestCloseDoesNotWaitForAHungSource(t *testing.T) {
	w := &Watch{source: "x", stop: func() {}, done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // clock: nothing else ends it
	defer cancel()
	if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

// A container may have its copy writable, and remove from it.
func TestCopyIsMadeAgain(t *testing.T) {
	s, source, root := share(t, true)
	guesttest.Must(t, os.MkdirAll(source+"/d", 0o755))
	guesttest.Must(t, os.WriteFile(source+"/d/f", []byte("1"), 0o644))
	target := root + "/cm"
	_, warning, err := s.Add(t.Context(), source, target)
	guesttest.Must(t, errors.Join(warning, err))
	guesttest.Must(t, os.RemoveAll(target+"/d"))
	guesttest.Must(t, os.WriteFile(source+"/d/f", []byte("2"), 0o644))
	guard.Until(t, "the copy is whole again", reads(target+"/d/f", "2"))
}
