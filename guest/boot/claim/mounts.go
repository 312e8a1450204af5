// SPDX-License-Identifier: Apache-2.0

package claim

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountPoints lists what is mounted below the roots, or on them, in the order of the mount table.
func mountPoints(roots []string) ([]string, error) {
	var found []string
	for _, root := range roots {
		if real, err := filepath.EvalSymlinks(root); err == nil {
			root = real // the table has resolved paths
		}
		mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(root))
		if err != nil {
			return nil, fmt.Errorf("mounts below %s: %w", root, err)
		}
		for _, m := range mounts {
			found = append(found, m.Mountpoint)
		}
	}
	return found, nil
}

// Foreign tells whether something that is not an agent's is mounted on dir or below it.
func (c *Claim) Foreign(dir string) bool {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return slices.ContainsFunc(c.record.Mounts, func(m string) bool {
		return m == dir || strings.HasPrefix(m, dir+"/")
	})
}

// Detach takes away what agents have mounted below the roots, and returns where that was. What was
// mounted there before them stays, and what has it below; and what keep, unless nil, says is in use.
func (c *Claim) Detach(keep func(path string) bool, roots ...string) (detached []string, _ error) {
	found, err := mountPoints(roots)
	if err != nil {
		return nil, err
	}
	slices.Reverse(found) // the latest first: what hides an earlier one goes before it
	var errs []error
	for i, path := range found {
		// One of several at a place is foreign: the earliest, which comes last.
		if left := slices.Index(found[i+1:], path) >= 0; !left && slices.Contains(c.record.Mounts, path) {
			continue
		}
		if c.below(path) || keep != nil && keep(path) {
			continue
		}
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", path, err))
			continue
		}
		detached = append(detached, path)
	}
	return detached, errors.Join(errs...)
}

// below tells whether a foreign mount is below path, with which it would go.
func (c *Claim) below(path string) bool {
	return slices.ContainsFunc(c.record.Mounts, func(m string) bool { return strings.HasPrefix(m, path+"/") })
}
