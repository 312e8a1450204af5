// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"go.uber.org/zap"
)

// disk is a mounter that takes a while and records what it does.
type disk struct {
	takes, releaseTakes time.Duration
	keep                bool
	err                 error // of the next mount

	mu  sync.Mutex
	did []string
}

func (d *disk) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, what)
}

func (d *disk) mount(ctx context.Context, _ string, v Volume) (volume.Attached, error) {
	select {
	case <-time.After(d.takes):
	case <-ctx.Done():
		return volume.Attached{}, ctx.Err()
	}
	if err := d.err; err != nil {
		d.err = nil
		return volume.Attached{}, err
	}
	d.note("mount " + v.MountPoint)
	a := volume.NewAttached(v.MountPoint, func() error {
		time.Sleep(d.releaseTakes)
		d.note("release " + v.MountPoint)
		return nil
	})
	a.Keep = d.keep
	return a, nil
}

// run gives f the index in a bubble with virtual time.
func run(t *testing.T, d *disk, f func(t *testing.T, ref core.Ref)) {
	synctest.Test(t, func(t *testing.T) {
		system := core.NewSystem(zap.NewNop())
		ref, err := system.Spawn("storage", New(d.mount, nil))
		if err != nil {
			t.Fatal(err)
		}
		f(t, ref)
		if err := system.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func attach(ctx context.Context, ref core.Ref, holder string) error {
	_, err := core.Ask(ctx, ref, &Attach{Holder: holder, Volume: Volume{MountPoint: "/m"}})
	return err
}

func release(t *testing.T, ref core.Ref, holder string, undo bool) {
	t.Helper()
	_, err := core.Ask(t.Context(), ref, &Release{Holder: holder, MountPoint: "/m", Undo: undo})
	if err != nil {
		t.Errorf("release by %s: %v", holder, err)
	}
}

func (d *disk) want(t *testing.T, did ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.did, did) {
		t.Errorf("did %q, want %q", d.did, did)
	}
}

// Three containers want one mount point at the same time: it is mounted once, all wait for
// it, and the last one to let go unmounts it.
func TestOneMountForAll(t *testing.T) {
	d := &disk{takes: time.Second}
	run(t, d, func(t *testing.T, ref core.Ref) {
		begin := time.Now()
		var wg sync.WaitGroup
		for _, holder := range []string{"a", "b", "c"} {
			wg.Go(func() {
				if err := attach(t.Context(), ref, holder); err != nil {
					t.Error(err)
				}
				if time.Since(begin) < time.Second {
					t.Errorf("%s went on before the mount", holder)
				}
			})
		}
		wg.Wait()
		d.want(t, "mount /m")
		release(t, ref, "a", false)
		release(t, ref, "b", false)
		d.want(t, "mount /m")
		release(t, ref, "c", false)
		d.want(t, "mount /m", "release /m")
	})
}

// Who waits for a mount that fails tries for itself.
func TestNextTriesAfterFailure(t *testing.T) {
	d := &disk{takes: time.Second, err: errors.New("no such disk")}
	want := d.err
	run(t, d, func(t *testing.T, ref core.Ref) {
		first := make(chan error, 1)
		go func() { first <- attach(t.Context(), ref, "a") }()
		synctest.Wait()
		if err := attach(t.Context(), ref, "b"); err != nil {
			t.Error(err)
		}
		if err := <-first; !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		release(t, ref, "b", false)
		d.want(t, "mount /m", "release /m")
	})
}

// An attach that arrives while the mount point is being unmounted mounts it anew.
func TestAttachDuringRelease(t *testing.T) {
	d := &disk{releaseTakes: time.Second}
	run(t, d, func(t *testing.T, ref core.Ref) {
		if err := attach(t.Context(), ref, "a"); err != nil {
			t.Fatal(err)
		}
		go func() { release(t, ref, "a", false) }()
		synctest.Wait()
		if err := attach(t.Context(), ref, "b"); err != nil {
			t.Fatal(err)
		}
		d.want(t, "mount /m", "release /m", "mount /m")
	})
}

// What is kept outlives its containers, also the failed create of a later one; the undo of
// the only create there ever was takes it back.
func TestKept(t *testing.T) {
	d := &disk{keep: true}
	run(t, d, func(t *testing.T, ref core.Ref) {
		for _, holder := range []string{"a", "b"} {
			if err := attach(t.Context(), ref, holder); err != nil {
				t.Fatal(err)
			}
			release(t, ref, holder, holder == "b")
		}
		d.want(t, "mount /m")
	})
	d = &disk{keep: true}
	run(t, d, func(t *testing.T, ref core.Ref) {
		if err := attach(t.Context(), ref, "a"); err != nil {
			t.Fatal(err)
		}
		release(t, ref, "a", true)
		d.want(t, "mount /m", "release /m")
	})
}

// The end of the sandbox unmounts everything once, what is just being unmounted too.
func TestReleaseAll(t *testing.T) {
	d := &disk{releaseTakes: time.Second}
	run(t, d, func(t *testing.T, ref core.Ref) {
		for _, mp := range []string{"/first", "/m", "/last"} {
			_, err := core.Ask(t.Context(), ref, &Attach{Holder: "a", Volume: Volume{MountPoint: mp}})
			if err != nil {
				t.Fatal(err)
			}
		}
		go func() { release(t, ref, "a", false) }()
		synctest.Wait()
		if _, err := core.Ask(t.Context(), ref, &ReleaseAll{}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		d.mu.Lock()
		defer d.mu.Unlock()
		if n := len(d.did); n != 6 {
			t.Errorf("did %q", d.did)
		}
		if last, first := slices.Index(d.did, "release /last"), slices.Index(d.did, "release /first"); last > first {
			t.Errorf("the earlier mount went before the later one: %q", d.did)
		}
	})
}

// A caller that goes away while the disk is awaited leaves no mount behind.
func TestAskerGoesAway(t *testing.T) {
	d := &disk{takes: time.Second}
	run(t, d, func(t *testing.T, ref core.Ref) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := attach(ctx, ref, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		time.Sleep(2 * time.Second)
		d.want(t)
		if err := attach(t.Context(), ref, "b"); err != nil {
			t.Error(err)
		}
		release(t, ref, "b", false)
		d.want(t, "mount /m", "release /m")
	})
}

func TestReleaseOfNothing(t *testing.T) {
	run(t, &disk{}, func(t *testing.T, ref core.Ref) {
		_, err := core.Ask(t.Context(), ref, &Release{Holder: "a", MountPoint: "/m"})
		if !errors.Is(err, ErrNotHeld) {
			t.Errorf("got %v, want %v", err, ErrNotHeld)
		}
	})
}
