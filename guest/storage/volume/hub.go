// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// ErrNoHub is what needs the Confidential Data Hub in a guest that does not have it.
var ErrNoHub = errors.New("the guest has no Confidential Data Hub")

// Hub is the Confidential Data Hub, a program of the guest image. Calls end with their context.
type Hub interface {
	// PullImage fetches a container image and makes its root file system at bundle/rootfs. Its
	// errors name the image.
	PullImage(ctx context.Context, image, bundle string) error
	// SecureMount encrypts a disk and mounts it.
	SecureMount(ctx context.Context, m SecureMount) error
}

// SecureMount is a mount that the hub makes. The words are those of its API.
type SecureMount struct {
	VolumeType string
	Options    map[string]string
	MountPoint string
}

// TrustedStore is the driver of the disk on which the hub keeps the images it pulls. No host asks for
// it: a container does, by a device of its spec at TrustedDevice.
const (
	TrustedStore  = "trusted_store"
	TrustedDevice = "/dev/trusted_store"
)

// imageDir is where the hub keeps images, below RunDir.
const imageDir = "image"

// Trusted is the storage of the disk with that number. It is mounted once, for the life of the pod.
func Trusted(major, minor int64) Storage {
	return Storage{
		Driver: TrustedStore, Source: fmt.Sprintf("%d:%d", major, minor),
		MountPoint: path.Join(DefaultRunDir, imageDir), Shared: true,
	}
}

// attachTrusted has the hub encrypt the disk with a key that nobody else has, make a file system on it
// and mount it. What was on the disk is lost.
func (d *Drivers) attachTrusted(ctx context.Context, _ string, s Storage) (Attached, error) {
	if d.Hub == nil {
		return Attached{}, ErrNoHub
	}
	made, err := d.mkdir(s.MountPoint)
	if err != nil {
		return Attached{}, err
	}
	release := func() error {
		if err := d.Mounts.Unmount(s.MountPoint); err != nil || !made {
			return err
		}
		return d.Mounts.RemoveTarget(s.MountPoint)
	}
	err = d.Hub.SecureMount(ctx, SecureMount{
		VolumeType: "block-device", MountPoint: s.MountPoint,
		Options: map[string]string{
			"deviceId": s.Source, "sourceType": "empty", "targetType": "fileSystem", "filesystemType": "ext4",
			"mkfsOpts": "-E lazy_journal_init", "encryptionType": "luks2", "dataIntegrity": strconv.FormatBool(!d.NoIntegrity),
		},
	})
	if err == nil {
		err = d.wantMounted(s.MountPoint)
	}
	if err != nil {
		return Attached{}, errors.Join(fmt.Errorf("encrypt and mount device %s: %w", s.Source, err), release())
	}
	return Attached{MountPoint: s.MountPoint, Keep: true, release: release}, nil
}

// wantMounted does not take the hub's word for it.
func (d *Drivers) wantMounted(target string) error {
	mounted, err := d.Mounts.IsMounted(target)
	if err == nil && !mounted {
		err = errors.New("the Confidential Data Hub has mounted nothing")
	}
	return err
}

// takeAway unmounts everything below dir, the latest mount first, and removes it.
func (d *Drivers) takeAway(dir string) error {
	infos, err := d.Mounts.Table(dir)
	if err != nil {
		return err
	}
	for i := len(infos) - 1; i >= 0; i-- {
		if at := infos[i].Mountpoint; at == dir || strings.HasPrefix(at, dir+"/") {
			if err := d.Mounts.Unmount(at); err != nil {
				return err
			}
		}
	}
	return d.Mounts.RemoveAll(dir)
}
