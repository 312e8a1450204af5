// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// reclaimFile evicts as much as is written to it: cgroup v2 since Linux 5.19.
const reclaimFile = "memory.reclaim"

// inactive evicts by memory.reclaim what the kernel has on the inactive lists. It cannot
// tell for how long a page has not been used, so it is second choice.
type inactive struct {
	places Places
	own    string
	// plain is set when the kernel does not know the word swappiness (before Linux 6.9).
	plain bool
}

func openInactive(p Places, own string) (*inactive, error) {
	if !p.unified() {
		return nil, fmt.Errorf("%s is not cgroup v2", p.Cgroup)
	}
	if _, err := os.Stat(filepath.Join(p.Cgroup, reclaimFile)); err != nil {
		return nil, err
	}
	return &inactive{places: p, own: own}, nil
}

func (e *inactive) dir(g group) string { return filepath.Join(e.places.Cgroup, g.path) }

// groups are the cgroups without one below them: what is written to one above would be taken
// from all of them, busy ones too.
func (e *inactive) groups() ([]group, error) {
	var all []group
	_, err := e.walk("/", &all)
	return all, err
}

// walk adds the leaves below path, and tells whether path has a memory cgroup.
func (e *inactive) walk(path string, all *[]group) (bool, error) {
	dir := filepath.Join(e.places.Cgroup, path)
	info, err := os.Stat(filepath.Join(dir, reclaimFile))
	if err != nil {
		return false, ignoreGone(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return true, ignoreGone(err)
	}
	leaf := true
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		below, err := e.walk(filepath.Join(path, entry.Name()), all)
		if err != nil {
			return true, err
		}
		leaf = leaf && !below
	}
	if leaf && path != "/" && path != e.own {
		*all = append(*all, group{path, info.Sys().(*syscall.Stat_t).Ino})
	}
	return true, nil
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// age has nothing to do: the kernel moves pages to the inactive lists itself.
func (e *inactive) age(group, Memcg) error { return nil }

func (e *inactive) evict(g group, s Memcg, more func() (bool, error)) (pages uint64, err error) {
	swap, err := e.places.swappable(s)
	if err != nil {
		return 0, err
	}
	file, err := keyed(filepath.Join(e.dir(g), "memory.stat"), "inactive_file")
	if err != nil {
		return 0, err
	}
	left, share := file/pageSize, uint64(0)
	if swap {
		anon, err := keyed(filepath.Join(e.dir(g), "memory.stat"), "inactive_anon")
		if err != nil {
			return 0, err
		}
		if share = swappiness(anon, file, s); anon > 0 {
			left += min(anon/pageSize, left*share/maxSwappiness+stepPages)
		}
	}
	for left > 0 {
		step := min(left, stepPages)
		err := e.reclaim(g, step*pageSize, share)
		if errors.Is(err, unix.EAGAIN) {
			return pages, nil // the kernel found less than that
		}
		if err != nil {
			return pages, err
		}
		pages, left = pages+step, left-step
		if ok, err := more(); err != nil || !ok {
			return pages, err
		}
	}
	return pages, nil
}

// reclaim evicts bytes. A kernel that cannot be told the swappiness chooses it itself, which
// is no way to keep it from swapping where there is swap space.
func (e *inactive) reclaim(g group, bytes, share uint64) error {
	name := filepath.Join(e.dir(g), reclaimFile)
	if !e.plain {
		err := put(name, fmt.Sprintf("%d swappiness=%d", bytes, share))
		if !errors.Is(err, unix.EINVAL) {
			return err
		}
		e.plain = true
	}
	if share == 0 {
		total, err := e.places.meminfo("SwapTotal")
		if err != nil {
			return err
		}
		if total > 0 {
			return fmt.Errorf("%w: its memory.reclaim would swap, which memcg_swap does not allow", ErrMissing)
		}
	}
	return put(name, fmt.Sprint(bytes))
}
