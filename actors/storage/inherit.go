// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"slices"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// journalMounts is the kind of this package's entries in the journal.
const journalMounts = "mount"

// Mounts reads what an agent before has left.
func Mounts(j *journal.Journal) ([]Mount, error) {
	mounts, err := journal.Read[Mount](j, journalMounts)
	slices.SortFunc(mounts, func(a, b Mount) int { return a.Order - b.Order })
	return mounts, err
}

// Drop removes what the journal has of a mount that nobody holds.
func Drop(j *journal.Journal, mountPoint string) error { return j.Delete(journalMounts, mountPoint) }

// stands tells the index that a mount point is mounted.
type stands struct{ mountPoint string }

// note has a mount point and its holders entered in the journal. Nobody waits for that: what is not in
// it when the agent dies is cleared by the next.
func (x *index) note(mp string) {
	e := x.entries[mp]
	if e == nil || x.journal == nil {
		return
	}
	m := Mount{MountPoint: mp, Shared: e.shared, Keep: e.kept, Order: slices.Index(x.order, mp)}
	for holder, n := range e.holders {
		m.Holders = append(m.Holders, slices.Repeat([]string{holder}, n)...)
	}
	x.journal.Later(func(j *journal.Journal) { _ = j.Put(journalMounts, mp, m) })
}

func (x *index) forget(mp string) {
	x.journal.Later(func(j *journal.Journal) { _ = j.Delete(journalMounts, mp) })
}

// inherit enters a mount that is there.
func (x *index) inherit(t *core.Turn, m *Inherit) {
	mp := m.Mount.MountPoint
	s := &mounted{mountPoint: mp, mount: x.mount, index: t.Self(), attached: &attached{inherited(mp)}}
	ref, err := t.Spawn(mp, s)
	if err != nil {
		m.Reply(struct{}{}, fmt.Errorf("storage %q: %w", mp, err))
		return
	}
	e := &entry{ref: ref, holders: map[string]int{}, attaches: len(m.Mount.Holders), shared: m.Mount.Shared, kept: m.Mount.Keep}
	for _, holder := range m.Mount.Holders {
		e.holders[holder]++
	}
	x.entries[mp] = e
	x.order = append(x.order, mp)
	m.Reply(struct{}{}, nil)
}

// inherited is a mount whose maker is gone: all that is known of it is where it is.
func inherited(mountPoint string) volume.Attached {
	return volume.NewAttached(mountPoint, func() error { return mount.Mounter{}.Unmount(mountPoint) })
}
