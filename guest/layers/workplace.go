// SPDX-License-Identifier: Apache-2.0

package layers

import (
	"context"
	"crypto/rand"
	"errors"
	"path"
	"slices"
	"strconv"
	"sync"

	"github.com/kata-containers/kata-agent/guest/devicemapper"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/volume"
)

// workplace is the directory in which the layers are mounted until the overlay has them.
type workplace struct {
	m   *Mounter
	dir string

	mu       sync.Mutex
	mounts   []mount.Made   // guarded by mu
	releases []func() error // guarded by mu; what the overlay goes on needing
	lowers   int
	parent   bool // the container's directory was made for it
}

// newWorkplace makes <run>/<container>/multi-layer-<word>, for so many lower layers. The
// word is another one each time: what is left of an older group, or of an agent that was
// killed, is never taken for this group's.
func (m *Mounter) newWorkplace(cid string, lowers int) (*workplace, error) {
	container, err := m.Volumes.ContainerDir(cid)
	if err != nil {
		return nil, err
	}
	w := &workplace{m: m, lowers: lowers, dir: path.Join(container, "multi-layer-"+rand.Text()[:8])}
	if w.parent, err = m.mkdir(container); err != nil {
		return nil, err
	}
	if _, err = m.mkdir(w.dir); err != nil {
		return nil, errors.Join(err, w.release())
	}
	return w, nil
}

func (m *Mounter) mkdir(name string) (made bool, err error) {
	f, made, err := m.Volumes.Mounts.MkdirAll(name)
	if err != nil {
		return false, err
	}
	return made, f.Close()
}

func (w *workplace) upperDir() string      { return path.Join(w.dir, "upper") }
func (w *workplace) lowerDir(i int) string { return path.Join(w.dir, "lower-"+strconv.Itoa(i)) }

// keep enters a mount for dismantle.
func (w *workplace) keep(made mount.Made) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mounts = append(w.mounts, made)
}

// onRelease enters what is to be done when the overlay is gone.
func (w *workplace) onRelease(fn func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.releases = append(w.releases, fn)
}

// upperInMemory mounts a tmpfs of its own, so that what a container writes cannot fill
// the file system that the agent itself needs.
func (w *workplace) upperInMemory() error {
	made, err := w.m.Volumes.Mounts.Mount(mount.Spec{
		Source: "tmpfs", Target: w.upperDir(), FSType: "tmpfs", Options: []string{"mode=0755"},
	})
	if err == nil {
		w.keep(made)
	}
	return err
}

// upperOnDisk mounts the disk as the storage says, encrypted if it says so.
func (w *workplace) upperOnDisk(ctx context.Context, s volume.Storage, node string) error {
	s.MountPoint, s.FSGroup = w.upperDir(), nil
	a, err := w.m.Volumes.MountDevice(ctx, node, s)
	if err != nil {
		return err
	}
	w.keep(mount.Made{Target: a.MountPoint, Mounted: true, Created: true})
	w.onRelease(a.Release)
	return nil
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
	made, err := w.m.Volumes.Mounts.Mount(mount.Spec{
		Source: node, Target: w.lowerDir(i), FSType: "erofs", Options: []string{"ro"},
	})
	if err == nil {
		w.keep(made)
	}
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

// dismantle unmounts the layers and removes the workplace. Doing it twice is harmless.
func (w *workplace) dismantle() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, made := range slices.Backward(w.mounts) {
		errs = append(errs, w.m.Volumes.Mounts.Undo(made))
	}
	errs = append(errs, w.m.Volumes.Mounts.RemoveTarget(w.dir))
	return errors.Join(errs...)
}

// release gives the devices back, after the overlay is gone.
func (w *workplace) release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, fn := range slices.Backward(w.releases) {
		errs = append(errs, fn())
	}
	if w.parent {
		container := path.Dir(w.dir)
		errs = append(errs, w.m.Volumes.Mounts.RemoveTarget(container))
	}
	return errors.Join(errs...)
}
