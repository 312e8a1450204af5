// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/undo"
)

const (
	// writableOverlay asks for upper and work directories of the container's own.
	writableOverlay = "io.katacontainers.fs-opt.overlay-rw"
	// overlayDirectory names a directory to make before the mount; it may come often.
	overlayDirectory = "io.katacontainers.volume.overlayfs.create_directory="
)

var errNoContainer = errors.New("a writable overlay needs a container")

// attachOverlay mounts an overlay, in most cases a container's root file system.
func (d *Drivers) attachOverlay(ctx context.Context, cid string, s Storage) (out Attached, err error) {
	var made undo.List
	attached := false
	defer func() { // after a panic too
		if !attached {
			out, err = unless(err, made.Run)
		}
	}()
	if slices.Contains(s.Options, writableOverlay) {
		if cid == "" {
			return Attached{}, errNoContainer
		}
		dir, err := d.ContainerDir(cid)
		if err != nil {
			return Attached{}, err
		}
		for _, sub := range []string{"upper", "work"} {
			target := path.Join(dir, sub)
			isNew, err := d.mkdir(target)
			if err != nil {
				return Attached{}, err
			}
			if isNew {
				made.Add(func() error { return d.Mounts.RemoveAll(target) })
			}
			s.Options = append(slices.Clone(s.Options), sub+"dir="+target)
		}
		s.FSType = "overlay"
	}
	for _, o := range s.DriverOptions {
		if dir, ok := strings.CutPrefix(o, overlayDirectory); ok {
			if _, err := d.mkdir(dir); err != nil {
				return Attached{}, err
			}
		}
	}
	a, err := d.attachMount(ctx, cid, s)
	made.Add(a.Release)
	if err != nil {
		return Attached{}, err
	}
	attached = true
	a.release = made.Run
	return a, nil
}

func (d *Drivers) mkdir(target string) (made bool, err error) {
	dir, made, err := d.Mounts.MkdirAll(target)
	if err != nil {
		return false, err
	}
	return made, dir.Close()
}
