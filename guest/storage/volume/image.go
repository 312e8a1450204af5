// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// GuestPull is the driver of an image that the guest fetches by itself. Its storage's source is the
// image's reference, its mount point only a name; the root file system comes to be in the bundle of
// the container, where the bundle's maker finds it.
const GuestPull = "image_guest_pull"

var (
	errNoImage     = errors.New("missing Image information for ImagePull volume") // known text
	errNoReference = errors.New("it names no image")
	errRootfs      = errors.New("the container has a root file system already")
	errNoRootfs    = errors.New("the Confidential Data Hub has made no root file system")
)

// image is what a guest pull's driver option holds.
type image struct {
	// Metadata are the annotations of the container.
	Metadata map[string]string `json:"metadata"`
}

func imageOf(s Storage) (image, error) {
	for _, o := range s.DriverOptions {
		text, ok := strings.CutPrefix(o, GuestPull+"=")
		if !ok {
			continue
		}
		var i image
		if err := json.Unmarshal([]byte(text), &i); err != nil {
			return image{}, fmt.Errorf("option %s: %w", GuestPull, err)
		}
		return i, nil
	}
	return image{}, errNoImage
}

// IsSandbox tells by its annotations whether a container is the pod's pause container.
func IsSandbox(annotations map[string]string) bool {
	return annotations["io.kubernetes.cri.container-type"] == "sandbox" ||
		annotations["io.kubernetes.cri-o.ContainerType"] == "sandbox"
}

// attachGuestPull makes the root file system of a container: that of a pause container from the guest
// image, others by the hub.
func (d *Drivers) attachGuestPull(ctx context.Context, cid string, s Storage) (_ Attached, err error) {
	i, err := imageOf(s)
	if err != nil {
		return Attached{}, err
	}
	dir, err := d.ContainerDir(cid)
	if err != nil {
		return Attached{}, err
	}
	isNew, err := d.mkdir(dir)
	if err != nil {
		return Attached{}, err
	}
	rootfs := path.Join(dir, "rootfs")
	release := func() error { return d.takeAway(rootfs) }
	if isNew {
		release = func() error { return d.takeAway(dir) }
	}
	attached := false
	defer func() { // after a panic too
		if !attached {
			err = errors.Join(err, release())
		}
	}()
	if !isNew && d.exists(rootfs) {
		release = func() error { return nil }
		return Attached{}, errRootfs
	}
	if IsSandbox(i.Metadata) {
		err = d.unpackPause(rootfs)
	} else {
		err = d.pull(ctx, s.Source, dir)
	}
	if err != nil {
		return Attached{}, err
	}
	attached = true
	return Attached{MountPoint: s.MountPoint, release: release}, nil
}

func (d *Drivers) exists(target string) bool {
	f, err := d.Mounts.Open(target)
	if err == nil {
		f.Close()
	}
	return !errors.Is(err, unix.ENOENT)
}

func (d *Drivers) pull(ctx context.Context, reference, dir string) error {
	if reference == "" {
		return errNoReference
	}
	if d.Hub == nil {
		return fmt.Errorf("pull image %q: %w", reference, ErrNoHub)
	}
	if err := d.Hub.PullImage(ctx, reference, dir); err != nil {
		return err
	}
	f, err := d.Mounts.Open(path.Join(dir, "rootfs"))
	if err != nil {
		return fmt.Errorf("pull image %q: %w: %w", reference, errNoRootfs, err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("pull image %q: %w", reference, errNoRootfs)
	}
	return nil
}
