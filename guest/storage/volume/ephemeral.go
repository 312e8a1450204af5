// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// groupOption gives a memory or local volume to a group; no file system knows it.
const groupOption = "fsgid="

// attachEphemeral mounts a file system in memory: shared memory, emptyDir with medium
// Memory or HugePages.
func (d *Drivers) attachEphemeral(ctx context.Context, cid string, s Storage) (Attached, error) {
	if s.FSType == "hugetlbfs" {
		return d.attachHugePages(ctx, cid, s)
	}
	gid, hasGroup, err := groupOf(s.Options)
	if err != nil {
		return Attached{}, err
	}
	spec := mount.Spec{Source: s.Source, Target: s.MountPoint, FSType: s.FSType, Options: without(s.Options, groupOption)}
	made, warning, err := d.mountTmpfs(spec)
	undo := func() error { return d.Mounts.Undo(made) }
	if err == nil && hasGroup {
		err = d.setGroup(s.MountPoint, gid, nil)
	}
	if err != nil {
		return unless(err, undo)
	}
	return Attached{
		MountPoint: made.Target,
		Keep:       true,
		Warning:    warning,
		release:    undo,
	}, nil
}

// mountTmpfs mounts with all the options. Hosts may pass on what they read from their
// own mount table, which holds words no mount takes (seclabel): if the kernel refuses
// the options, those a tmpfs knows are tried alone.
func (d *Drivers) mountTmpfs(spec mount.Spec) (mount.Made, error, error) {
	made, err := d.Mounts.Mount(spec)
	if spec.FSType != "tmpfs" || !errors.Is(err, unix.EINVAL) {
		return made, nil, err
	}
	var known, strange []string
	for _, w := range spec.Options {
		if o, parseErr := mount.ParseOptions([]string{w}); parseErr == nil && (o.Data == "" || tmpfsKnows(o.Data)) {
			known = append(known, w)
		} else {
			strange = append(strange, w)
		}
	}
	if strange == nil {
		return made, nil, err
	}
	spec.Options = known
	if made, err = d.Mounts.Mount(spec); err != nil {
		return made, nil, err
	}
	return made, fmt.Errorf("mounted %q without the options %q, which tmpfs does not know", spec.Target, strings.Join(strange, ",")), nil
}

// tmpfsKnows reports whether every option is of tmpfs(5).
func tmpfsKnows(data string) bool {
	for o := range strings.SplitSeq(data, ",") {
		key, _, _ := strings.Cut(o, "=")
		if !slices.Contains([]string{"size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "huge", "mpol"}, key) {
			return false
		}
	}
	return true
}

// groupOf finds fsgid=<gid> among the options.
func groupOf(options []string) (gid int, has bool, err error) {
	for _, o := range options {
		v, ok := strings.CutPrefix(o, groupOption)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n == 1<<32-1 {
			return 0, false, fmt.Errorf("option %s: not a group id", o)
		}
		return int(n), true, nil
	}
	return 0, false, nil
}

// setGroup gives a directory to the group and sets its set-group-id bit, so that what
// is made in it belongs to the group too. mode replaces its permissions if not nil.
func (d *Drivers) setGroup(target string, gid int, mode *uint32) error {
	f, err := d.Mounts.Open(target)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("stat %s: %w", target, err)
	}
	if gid >= 0 {
		if err := unix.Fchownat(int(f.Fd()), "", -1, gid, unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("give %s to group %d: %w", target, gid, err)
		}
	}
	perm := st.Mode & 0o7777
	if mode != nil {
		perm = *mode
	}
	if gid >= 0 {
		perm |= unix.S_ISGID
	}
	if err := unix.Chmod(safepath.FDPath(f), perm); err != nil {
		return fmt.Errorf("set mode %#o of %s: %w", perm, target, err)
	}
	return nil
}

// UpdateEphemeral changes the options of an ephemeral storage that is mounted, in
// practice its size after memory was added to the guest. The mount point is made if it
// is missing; without options nothing else is done.
func (d *Drivers) UpdateEphemeral(s Storage) error {
	if s.Driver != "ephemeral" {
		return fmt.Errorf("Unsupported storage type for syncing mounts %s. Only ephemeral storage update is supported", s.Driver) // known text
	}
	if _, err := d.Driver(s); err != nil {
		return fmt.Errorf("storage %q: %w", s.MountPoint, err)
	}
	dir, _, err := d.Mounts.MkdirAll(s.MountPoint)
	if err != nil {
		return fmt.Errorf("update ephemeral storage %q: %w", s.MountPoint, err)
	}
	dir.Close()
	if len(s.Options) == 0 {
		return nil
	}
	return d.Mounts.RemountTmpfs(s.MountPoint, s.Options)
}
