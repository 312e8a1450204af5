// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kata-containers/kata-agent/guest/command"
	"golang.org/x/sys/unix"
)

// Driver options of block storages, as exact words.
const (
	createFilesystem = "create_filesystem"
	ephemeralKey     = "encryption_key=ephemeral"
)

// Errors of block storages.
var (
	// ErrSecureMount is a storage only the confidential data hub can mount.
	ErrSecureMount = errors.New("an encrypted volume needs the confidential data hub, which is not there")
	// ErrNotBlock is a node that is no block device.
	ErrNotBlock = errors.New("Invalid device") //nolint:staticcheck // known text
	errNoCreate = errors.New(ephemeralKey + " requires " + createFilesystem + " for block storage")
	errOnlyExt4 = errors.New("only ext4 can be made")
)

// mkfsArgs are for file systems that live as long as the pod: no journal, nothing
// reserved for root, few and small inodes.
var mkfsArgs = []string{"-F", "-O", "^has_journal", "-m", "0", "-i", "163840", "-I", "128"}

// Encrypted reports whether a block storage is to be encrypted with a key of its own,
// by the confidential data hub's secure mount instead of MountDevice.
func Encrypted(s Storage) (bool, error) {
	if s.Driver == "nvdimm" || !slices.Contains(s.DriverOptions, ephemeralKey) {
		return false, nil
	}
	if !slices.Contains(s.DriverOptions, createFilesystem) {
		return false, fmt.Errorf("attach %s storage %q: %w", s.Driver, s.MountPoint, errNoCreate)
	}
	return true, nil
}

// MountDevice mounts the block device at node, the source of s resolved by the caller.
// With the driver option create_filesystem an ext4 is made on it first, whatever it
// holds; mkfs refuses a device in use. An encrypted storage gives ErrSecureMount.
// fstype bind makes the device itself appear at the mount point.
func (d *Drivers) MountDevice(ctx context.Context, node string, s Storage) (Attached, error) {
	a, err := d.mountDevice(ctx, node, s)
	if err != nil {
		return Attached{}, fmt.Errorf("attach %s storage %q: %w", s.Driver, s.MountPoint, err)
	}
	return a, nil
}

func (d *Drivers) mountDevice(ctx context.Context, node string, s Storage) (Attached, error) {
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return Attached{}, fmt.Errorf("get metadata on file %q: %w", node, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return Attached{}, fmt.Errorf("%w %s: not a block device", ErrNotBlock, node)
	}
	encrypted, err := Encrypted(s)
	if err != nil {
		return Attached{}, err
	}
	if encrypted {
		return Attached{}, ErrSecureMount
	}
	if s.Driver != "nvdimm" && slices.Contains(s.DriverOptions, createFilesystem) {
		if err := d.mkfs(ctx, node, s.FSType); err != nil {
			return Attached{}, err
		}
	}
	s.Source = node
	return d.attachMount(ctx, "", s)
}

func (d *Drivers) mkfs(ctx context.Context, node, fsType string) error {
	if fsType != "ext4" {
		return fmt.Errorf("creating filesystem %s for block storage is unsupported: %w", fsType, errOnlyExt4)
	}
	mkfs := d.Mkfs
	if mkfs == "" {
		mkfs = "mkfs.ext4"
	}
	if err := command.Run(ctx, mkfs, append(slices.Clone(mkfsArgs), node)...); err != nil {
		return fmt.Errorf("make %s on %s: %w", fsType, node, err)
	}
	return nil
}

// GiveToGroup gives the files of a storage that was mounted by somebody else, the
// confidential data hub, to its group, if it has one.
func (d *Drivers) GiveToGroup(ctx context.Context, s Storage) error { return d.giveToGroup(ctx, s) }
