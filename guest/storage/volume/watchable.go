// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"path"
)

var errNoWatches = errors.New("no watches are kept here")

// attachWatchable copies a small tree of the share to the mount point and keeps the
// copy up to date until Release. It belongs to a container; for the sandbox it means
// nothing and is passed over, as it always was.
func (d *Drivers) attachWatchable(ctx context.Context, cid string, s Storage) (Attached, error) {
	if cid == "" {
		return Attached{MountPoint: path.Clean(s.MountPoint)}, nil
	}
	if d.Watches == nil {
		return Attached{}, errNoWatches
	}
	w, warning, err := d.Watches.Add(ctx, s.Source, s.MountPoint)
	if err != nil {
		return Attached{}, err
	}
	return Attached{
		MountPoint: s.MountPoint,
		Warning:    warning,
		release:    func() error { return w.Close(context.Background()) },
	}, nil
}
