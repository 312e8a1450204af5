// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// mountOverlay mounts an overlay of more layers than one page of options holds, by the
// file system context calls: each layer is its own "lowerdir+" (Linux 6.8). A value
// there is at most 255 bytes.
func mountOverlay(p *place, source string, o Options) error {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("options of %d bytes do not fit a page, and fsopen: %w", len(o.Data), err)
	}
	defer unix.Close(fs)
	if err := configure(fs, source, o); err != nil {
		return fmt.Errorf("options of %d bytes do not fit a page, and %w", len(o.Data), err)
	}
	attrs, err := mountAttrs(o.Flags)
	if err != nil {
		return err
	}
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attrs)
	if err != nil {
		return fmt.Errorf("fsmount: %w", err)
	}
	defer unix.Close(mnt)
	return unix.MoveMount(mnt, "", int(p.self.Fd()), "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

func configure(fs int, source string, o Options) error {
	set := func(key, value string) error {
		if err := unix.FsconfigSetString(fs, key, value); err != nil {
			return fmt.Errorf("option %s: %w", key, err)
		}
		return nil
	}
	if err := set("source", source); err != nil {
		return err
	}
	for opt := range strings.SplitSeq(o.Data, ",") {
		key, value, hasValue := strings.Cut(opt, "=")
		var err error
		switch {
		case key == "lowerdir":
			for _, layer := range splitLayers(value) {
				if err = set("lowerdir+", layer); err != nil {
					break
				}
			}
		case hasValue:
			err = set(key, value)
		default:
			err = unix.FsconfigSetFlag(fs, key)
		}
		if err != nil {
			return err
		}
	}
	if o.Flags&unix.MS_RDONLY != 0 {
		if err := unix.FsconfigSetFlag(fs, "ro"); err != nil {
			return err
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return nil
}

// splitLayers splits a lowerdir list at its colons; a backslash keeps the next byte.
func splitLayers(list string) []string {
	var layers []string
	var b strings.Builder
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list):
			i++
			b.WriteByte(list[i])
		case list[i] == ':':
			layers = append(layers, b.String())
			b.Reset()
		default:
			b.WriteByte(list[i])
		}
	}
	return append(layers, b.String())
}

// mountAttrs translates the per-mount flags.
func mountAttrs(flags uintptr) (int, error) {
	attrs := 0
	for _, a := range [...]struct {
		flag uintptr
		attr int
	}{
		{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY},
		{unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID},
		{unix.MS_NODEV, unix.MOUNT_ATTR_NODEV},
		{unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
		{unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
		{unix.MS_NOATIME, unix.MOUNT_ATTR_NOATIME},
		{unix.MS_STRICTATIME, unix.MOUNT_ATTR_STRICTATIME},
		{unix.MS_RELATIME, 0},
		{unix.MS_SILENT, 0},
	} {
		if flags&a.flag != 0 {
			attrs |= a.attr
			flags &^= a.flag
		}
	}
	if flags != 0 {
		return 0, fmt.Errorf("mount flags %#x cannot go with options longer than a page", flags)
	}
	return attrs, nil
}
