// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"context"
	"crypto/rand"
	"errors"
	"path"
	"strconv"
	"sync"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/devicemapper"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/guest/sys/undo"
)

// workplace is where the layers are mounted until the overlay has them: a tmpfs of its
// own, so that one system call takes it away with everything on it. Detached one by one,
// each layer would cost a wait for all processors (RCU) in the kernel. It is private, so
// that no other mount namespace gets the layers.
type workplace struct {
	m      *Mounter
	made   mount.Made
	lowers int
	parent bool // the container's directory was made for it

	mu       sync.Mutex
	releases undo.List // guarded by mu
}

// newWorkplace makes <run>/<container>/multi-layer-<word>, for so many lower layers. The
// word is another one each time: what is left of an agent that was killed is never taken
// for this group's.
func (m *Mounter) newWorkplace(cid string, lowers int) (*workplace, error) {
	container, err := m.Volumes.ContainerDir(cid)
	if err != nil {
		return &workplace{}, err
	}
	w := &workplace{m: m, lowers: lowers}
	if w.parent, err = m.mkdir(container); err != nil {
		return w, err
	}
	w.made, err = m.Volumes.Mounts.Mount(mount.Spec{
		Source: "tmpfs", Target: path.Join(container, "multi-layer-"+rand.Text()[:8]), FSType: "tmpfs",
		Options: []string{"mode=0700", "private"},
	})
	w.onRelease(func() error { return w.removeParent(container) })
	w.onRelease(w.dismantle)
	return w, err
}

func (m *Mounter) mkdir(name string) (made bool, err error) {
	f, made, err := m.Volumes.Mounts.MkdirAll(name)
	if err != nil {
		return false, err
	}
	return made, f.Close()
}

func (w *workplace) upperDir() string      { return path.Join(w.made.Target, "upper") }
func (w *workplace) lowerDir(i int) string { return path.Join(w.made.Target, "lower-"+strconv.Itoa(i)) }

// onRelease enters what is to be done at the end, the last first.
func (w *workplace) onRelease(fn func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.releases.Add(fn)
}

// upperInMemory makes a directory on the workplace's own tmpfs, which lives on under the
// overlay: what a container writes cannot fill the file system that the agent itself needs.
func (w *workplace) upperInMemory() error {
	_, err := w.m.mkdir(w.upperDir())
	return err
}

// upperOnDisk mounts the disk as the storage says, encrypted if it says so.
func (w *workplace) upperOnDisk(ctx context.Context, s volume.Storage, node string) error {
	s.MountPoint, s.FSGroup = w.upperDir(), nil
	a, err := w.m.Volumes.MountDevice(ctx, node, s)
	w.onRelease(a.Release)
	return err
}

// lower mounts a layer read-only, through a mapping that checks it if it is to be checked.
func (w *workplace) lower(i int, node string, v *devicemapper.Verity) error {
	if v != nil {
		checked, err := w.m.open(node, *v)
		if err != nil {
			return err
		}
		w.onRelease(checked.close)
		node = checked.node
	}
	_, err := w.m.Volumes.Mounts.Mount(mount.Spec{
		Source: node, Target: w.lowerDir(i), FSType: "erofs", Options: []string{"ro"},
	})
	return err
}

func (m *Mounter) open(node string, v devicemapper.Verity) (mapping, error) {
	if m.openVerity != nil {
		return m.openVerity(node, v)
	}
	opened, err := m.Devices.OpenVerity(node, v)
	if err != nil {
		return mapping{}, err
	}
	return mapping{opened.Node, opened.Close}, nil
}

// dismantle takes the workplace away with all that is mounted in it. Doing it twice is
// harmless.
func (w *workplace) dismantle() error { return w.m.Volumes.Mounts.Undo(w.made) }

// release takes everything away that was entered. What fails is kept, so that it can be tried again.
func (w *workplace) release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.releases.Run()
}

// abandon is the end of a group that has come to nothing.
func (w *workplace) abandon(err error) (volume.Attached, error) {
	if undone := w.release(); undone != nil {
		return volume.NewAttached("", w.release), errors.Join(err, undone)
	}
	return volume.Attached{}, err
}

// removeParent removes the container's directory if it was made here and is empty.
func (w *workplace) removeParent(container string) error {
	if !w.parent {
		return nil
	}
	return w.m.Volumes.Mounts.RemoveTarget(container)
}
