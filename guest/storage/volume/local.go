// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// attachLocal makes a directory in the guest, for an emptyDir on the guest's disk or on the sandbox's
// share. Options: mode=<octal>, fsgid=<gid>. The set-group-id bit that fsgid stands for is set only if
// mode is given too, as in all Kata agents. The files belong to the pod: Release removes the directory
// only if it was made here and is empty.
func (d *Drivers) attachLocal(_ context.Context, _ string, s Storage) (Attached, error) {
	gid, hasGroup, err := groupOf(s.Options)
	if err != nil {
		return Attached{}, err
	}
	mode, err := modeOf(s.Options)
	if err != nil {
		return Attached{}, err
	}
	dir, made, err := d.Mounts.MkdirAll(s.MountPoint)
	if err != nil {
		return Attached{}, err
	}
	dir.Close()
	release := func() error {
		if !made {
			return nil
		}
		return d.Mounts.RemoveTarget(s.MountPoint)
	}
	if !hasGroup {
		gid = -1
	}
	if hasGroup || mode != nil {
		if err := d.setGroup(s.MountPoint, gid, mode); err != nil {
			return unless(err, release)
		}
	}
	return Attached{MountPoint: path.Clean(s.MountPoint), Keep: true, release: release}, nil
}

// modeOf finds mode=<octal> among the options, nil if there is none. An option with two
// equal signs counts for nothing.
func modeOf(options []string) (*uint32, error) {
	for _, o := range options {
		key, v, ok := strings.Cut(o, "=")
		if !ok || key != "mode" || strings.Contains(v, "=") {
			continue
		}
		n, err := strconv.ParseUint(v, 8, 32)
		if err != nil || n > 0o7777 {
			return nil, fmt.Errorf("option %s: not an octal mode", o)
		}
		mode := uint32(n)
		return &mode, nil
	}
	return nil, nil
}
