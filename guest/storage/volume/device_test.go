// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

func TestMountDeviceMakesAFilesystem(t *testing.T) {
	dir, d := run(t)
	dev := erofstest.Blank(t, 32<<20)
	s := volume.Storage{Driver: "blk", Source: "02/03", FSType: "ext4", MountPoint: dir + "/sandbox/storage/x",
		DriverOptions: []string{"create_filesystem"}, Options: []string{"discard"}}
	a, err := d.MountDevice(t.Context(), dev, s)
	guesttest.Must(t, err)
	guesttest.Must(t, os.WriteFile(s.MountPoint+"/f", []byte("data"), 0o644))
	out, err := exec.Command("dumpe2fs", "-h", dev).Output()
	if err == nil && (strings.Contains(string(out), "has_journal") || !strings.Contains(string(out), "Inode size:	          128")) {
		t.Errorf("made with other features than asked for:\n%s", out)
	}
	// mkfs refuses a device in use, so the data survives a mistake of the caller.
	other := s
	other.MountPoint = dir + "/other"
	if _, err := d.MountDevice(t.Context(), dev, other); err == nil {
		t.Error("a mounted device was formatted")
	}
	released(t, a)

	s.DriverOptions = nil
	a, err = d.MountDevice(t.Context(), dev, s)
	guesttest.Must(t, err)
	if b, _ := os.ReadFile(s.MountPoint + "/f"); string(b) != "data" {
		t.Error("data written before the release is gone")
	}
	released(t, a)

	// A raw volume: the device itself at the mount point.
	s.FSType, s.Options = "bind", []string{"bind"}
	a, err = d.MountDevice(t.Context(), dev, s)
	guesttest.Must(t, err)
	if fi, err := os.Stat(s.MountPoint); err != nil || fi.Mode()&os.ModeDevice == 0 {
		t.Errorf("%v, %v, want a device", fi, err)
	}
	released(t, a)
}

func TestMountDeviceRefuses(t *testing.T) {
	dir, d := run(t)
	dev := erofstest.Blank(t, 1<<20)
	s := volume.Storage{Driver: "blk", FSType: "ext4", MountPoint: dir + "/x"}
	for _, node := range []string{"/dev/null", dir} {
		if _, err := d.MountDevice(t.Context(), node, s); !errors.Is(err, volume.ErrNotBlock) || !strings.Contains(err.Error(), "Invalid device "+node) {
			t.Errorf("%s: %v, want %v and an error with %q", node, err, volume.ErrNotBlock, "Invalid device "+node)
		}
	}
	if _, err := d.MountDevice(t.Context(), "/dev/no-such", s); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `get metadata on file "/dev/no-such"`) {
		t.Errorf("got %v, want %v and an error with %q", err, os.ErrNotExist, `get metadata on file "/dev/no-such"`)
	}
	for _, tt := range []struct{ fstype, options, want string }{
		{"ext4", "encryption_key=ephemeral", "requires create_filesystem"},
		{"xfs", "encryption_key=ephemeral,create_filesystem", "creating filesystem xfs for block storage is unsupported"},
		{"xfs", "create_filesystem", "creating filesystem xfs for block storage is unsupported"},
		{"ext4", "", "mount"},
	} {
		s.FSType, s.DriverOptions = tt.fstype, strings.Split(tt.options, ",")
		if _, err := d.MountDevice(t.Context(), dev, s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want an error with %q", tt, err, tt.want)
		}
		if _, err := os.Lstat(s.MountPoint); !os.IsNotExist(err) {
			t.Errorf("%+v: left a mount point", tt)
		}
	}
	s.DriverOptions, s.FSType = []string{"encryption_key=ephemeral", "create_filesystem"}, "ext4"
	if enc, err := volume.Encrypted(s); !enc || err != nil {
		t.Errorf("%v, %v, want true", enc, err)
	}
	s.Driver = "nvdimm"
	if enc, err := volume.Encrypted(s); enc || err != nil {
		t.Errorf("%v, %v, want false", enc, err)
	}
}

func TestMkfsArguments(t *testing.T) {
	dir, d := run(t)
	dev := erofstest.Blank(t, 1<<20)
	d.Mkfs = dir + "/mkfs"
	guesttest.Must(t, os.WriteFile(d.Mkfs, []byte("#!/bin/sh\necho \"$@\" > "+dir+"/args\necho broken >&2; exit 9\n"), 0o755))
	_, err := d.MountDevice(t.Context(), dev, volume.Storage{Driver: "scsi", FSType: "ext4", MountPoint: dir + "/x", DriverOptions: []string{"create_filesystem"}})
	if err == nil || !strings.Contains(err.Error(), "exit code 9") || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v, want an error with %q and %q", err, "exit code 9", "broken")
	}
	args, _ := os.ReadFile(dir + "/args")
	if want := "-F -O ^has_journal -m 0 -i 163840 -I 128 " + dev + "\n"; string(args) != want {
		t.Errorf("%q, want %q", args, want)
	}
}
