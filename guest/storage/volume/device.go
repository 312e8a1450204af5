// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kata-containers/kata-agent/guest/sys/command"
	"golang.org/x/sys/unix"
)

// Driver options of block storages, as exact words.
const (
	createFilesystem = "create_filesystem"
	ephemeralKey     = "encryption_key=ephemeral"
)

// Errors of block storages.
var (
	// ErrNoEncryption is a storage that is to be encrypted in a guest without the means.
	ErrNoEncryption = errors.New("an encrypted volume needs cryptsetup, which the guest image does not have in PATH, /usr/sbin or /sbin")
	// ErrNotBlock is a node that is no block device.
	ErrNotBlock = errors.New("Invalid device") // known text
	errNoCreate = errors.New(ephemeralKey + " requires " + createFilesystem + " for block storage")
	errOnlyExt4 = errors.New("only ext4 can be made")
)

// mkfsArgs are for file systems that live as long as the pod: no journal, nothing
// reserved for root, few and small inodes.
var mkfsArgs = []string{"-F", "-O", "^has_journal", "-m", "0", "-i", "163840", "-I", "128"}

// Encrypted reports whether a block storage is to be encrypted with a key of its own.
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
// holds; mkfs refuses a device in use. With encryption_key=ephemeral too the ext4 lies on
// an encrypted mapping of the device, or the answer is ErrNoEncryption. fstype bind makes
// the device itself appear at the mount point.
func (d *Drivers) MountDevice(ctx context.Context, node string, s Storage) (Attached, error) {
	if _, err := d.Driver(s); err != nil {
		return Attached{}, err
	}
	a, err := d.mountDevice(ctx, node, s)
	if err != nil {
		return a, fmt.Errorf("attach %s storage %q: %w", s.Driver, s.MountPoint, err)
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
		return d.mountEncrypted(ctx, node, uint64(st.Rdev), s) // 32 bits wide on some machines
	}
	if s.Driver != "nvdimm" && slices.Contains(s.DriverOptions, createFilesystem) {
		if err := d.mkfs(ctx, node, s.FSType); err != nil {
			return Attached{}, err
		}
	}
	s.Source = node
	return d.attachMount(ctx, "", s)
}

func ext4Only(fsType string) error {
	if fsType != "ext4" {
		return fmt.Errorf("creating filesystem %s for block storage is unsupported: %w", fsType, errOnlyExt4)
	}
	return nil
}

func (d *Drivers) mkfs(ctx context.Context, node, fsType string, more ...string) error {
	if err := ext4Only(fsType); err != nil {
		return err
	}
	mkfs := d.Mkfs
	if mkfs == "" {
		mkfs = "mkfs.ext4"
	}
	if err := command.Run(ctx, mkfs, slices.Concat(mkfsArgs, more, []string{node})...); err != nil {
		return fmt.Errorf("make %s on %s: %w", fsType, node, err)
	}
	return nil
}
