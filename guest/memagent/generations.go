// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// Generations of pages: the kernel keeps up to four. It never evicts the two youngest, and
// the fourth is the oldest there can be.
const (
	minDepth = 2
	maxDepth = 3
)

// generations evicts by the multi-generational LRU.
type generations struct {
	places  Places
	own     string
	unified bool
	file    string   // lru_gen of debugfs
	debugfs *os.File // holds the mount if it is ours
	listed  map[group][]node
}

// openGenerations turns the multi-generational LRU on if the kernel has it.
func openGenerations(p Places, own string) (*generations, error) {
	enabled := filepath.Join(p.Sys, "kernel/mm/lru_gen/enabled")
	text, err := os.ReadFile(enabled)
	if err != nil {
		return nil, err
	}
	e := &generations{places: p, own: own, unified: p.unified(), file: filepath.Join(p.Sys, "kernel/debug/lru_gen")}
	if _, err := os.Stat(e.file); err != nil {
		if e.debugfs, err = mountDebugfs(); err != nil {
			return nil, fmt.Errorf("debugfs: %w", err)
		}
		e.file = filepath.Join(safepath.FDPath(e.debugfs), "lru_gen")
	}
	if err := e.turnOn(enabled, strings.TrimSpace(string(text))); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// turnOn sets the main switch, bit 0, with all that the processor can do, unless it is set.
func (e *generations) turnOn(enabled, now string) error {
	f, err := os.OpenFile(e.file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	f.Close()
	bits, err := strconv.ParseUint(now, 0, 32)
	if err != nil {
		return fmt.Errorf("parse %s: %w", enabled, err)
	}
	if bits&1 == 1 {
		return nil
	}
	return put(enabled, "y")
}

// mountDebugfs makes a mount of debugfs that stands in no directory, so that no container
// can come by it. It lives as long as the file.
func mountDebugfs() (*os.File, error) {
	context, err := unix.Fsopen("debugfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, err
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "debugfs"), nil
}

func (e *generations) close() {
	if e.debugfs != nil {
		e.debugfs.Close()
	}
}

func (e *generations) dir(g group) string {
	if !e.unified {
		return ""
	}
	return filepath.Join(e.places.Cgroup, g.path)
}

func (e *generations) groups() ([]group, error) {
	if err := e.list(); err != nil {
		return nil, err
	}
	var all []group
	for g := range e.listed {
		if g.path != "/" && g.path != e.own {
			all = append(all, g)
		}
	}
	return all, nil
}

func (e *generations) list() error {
	text, err := os.ReadFile(e.file)
	if err != nil {
		return err
	}
	e.listed, err = parseGenerations(string(text))
	return err
}

// age opens a new generation, for which the kernel looks at what has been used. That is left
// out where the kernel has just done so itself.
func (e *generations) age(g group, s Memcg) error {
	swap, err := e.places.swappable(s)
	if err != nil {
		return err
	}
	for _, n := range e.listed[g] {
		if n.youngest().age < s.Period/2 {
			continue
		}
		if err := e.tell(fmt.Sprintf("+ %d %d %d %d 1", g.id, n.id, n.youngest().seq, flag(swap))); err != nil {
			return err
		}
	}
	return nil
}

// evict evicts the generations that have been old enough for as many rounds as are wanted,
// and as the kernel can tell apart.
func (e *generations) evict(g group, s Memcg, more func() (bool, error)) (pages uint64, err error) {
	swap, err := e.places.swappable(s)
	if err != nil {
		return 0, err
	}
	if err := e.list(); err != nil { // as it is after the ageing
		return 0, err
	}
	depth := min(max(s.MinAgings, minDepth), maxDepth)
	for _, n := range e.listed[g] {
		cold := n.cold(depth)
		left, share := cold.file, uint64(0)
		if swap && cold.anon > 0 {
			left, share = cold.file+cold.anon, swappiness(cold.anon, cold.file, s)
		}
		for left > 0 {
			step := min(left, stepPages)
			if err := e.tell(fmt.Sprintf("- %d %d %d %d %d", g.id, n.id, cold.seq, share, step)); err != nil {
				return pages, err
			}
			pages, left = pages+step, left-step
			if ok, err := more(); err != nil || !ok {
				return pages, err
			}
		}
	}
	return pages, nil
}

// tell gives the kernel a command. What it says of a cgroup that has been removed, or whose
// generations have moved on, is no error: the next round sees what is there.
func (e *generations) tell(command string) error {
	err := put(e.file, command)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ERANGE) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// node is the part of a cgroup's pages that is on one NUMA node.
type node struct {
	id   uint64
	gens []generation // the oldest first, never none
}

// generation is how many pages were last used at about the same time.
type generation struct {
	seq        uint64
	age        time.Duration
	anon, file uint64
}

func (n node) youngest() generation { return n.gens[len(n.gens)-1] }

// cold adds up the generations that are older than the youngest one by depth. Its seq is that of
// the last of them.
func (n node) cold(depth uint64) (sum generation) {
	for _, g := range n.gens {
		if g.seq+depth > n.youngest().seq {
			break
		}
		sum.seq = g.seq
		sum.anon += g.anon
		sum.file += g.file
	}
	return sum
}

// parseGenerations reads lru_gen: "memcg ID PATH", below it "node ID", below that a line
// "SEQ AGE-IN-MS ANON FILE" for each generation. Id 0 is a cgroup that is being removed.
func parseGenerations(text string) (map[group][]node, error) {
	all := map[group][]node{}
	var at group
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		var err error
		switch {
		case len(f) == 0:
		case f[0] == "memcg" && len(f) >= 2:
			// The rest of the line, since a name may have blanks in it.
			_, path, _ := strings.Cut(strings.TrimSpace(line)[len("memcg"):], f[1])
			at.path = strings.TrimPrefix(strings.TrimSuffix(path, "\n"), " ")
			at.id, err = strconv.ParseUint(f[1], 10, 32)
		case f[0] == "node" && len(f) == 2:
			n := node{}
			n.id, err = strconv.ParseUint(f[1], 10, 32)
			if at.id != 0 {
				all[at] = append(all[at], n)
			}
		case len(f) == 4 && at.id != 0 && len(all[at]) > 0:
			n := &all[at][len(all[at])-1]
			var g generation
			g, err = parseGeneration(f)
			n.gens = append(n.gens, g)
		}
		if err != nil {
			return nil, fmt.Errorf("line %q of lru_gen: %w", line, err)
		}
	}
	for g, nodes := range all {
		all[g] = withGenerations(nodes)
	}
	return all, nil
}

func withGenerations(nodes []node) (kept []node) {
	for _, n := range nodes {
		if len(n.gens) > 0 {
			kept = append(kept, n)
		}
	}
	return kept
}

func parseGeneration(f []string) (g generation, err error) {
	var n [4]uint64
	for i, word := range f {
		if strings.HasPrefix(word, "-") {
			continue // counters of several CPUs that do not match for a moment
		}
		if n[i], err = strconv.ParseUint(word, 10, 64); err != nil {
			return g, err
		}
	}
	return generation{n[0], time.Duration(n[1]) * time.Millisecond, n[2], n[3]}, nil
}
