// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// tempName is what becomes a file or link of the target, in the same directory.
const tempName = ".kata-watch-new"

// mirror brings the target tree in line with the source. known is what was copied
// successfully before; it is changed to what is there now.
type mirror struct {
	source, target *safepath.Dir
	known          snapshot
}

// update copies what differs between the last copy and now, in an order that leaves
// every link with something to lead to: directories, files, the "..data" link, other
// links, and only then what is gone from the source. It goes on after an error, keeps
// what depends on the failed part, and returns the errors.
func (m *mirror) update(now snapshot) error {
	var errs []error
	for _, rel := range copyOrder(now) {
		if old, ok := m.known[rel]; ok && old == now[rel] || rel == "." {
			continue
		}
		// A link must not move on to a directory that is not complete.
		if now[rel].kind() == unix.S_IFLNK && len(errs) > 0 {
			break
		}
		if err := m.put(rel, now[rel]); err != nil {
			errs = append(errs, fmt.Errorf("copy %q: %w", rel, err))
			continue
		}
		m.known[rel] = now[rel]
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, rel := range removeOrder(m.known, now) {
		if err := m.target.RemoveAll(rel); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(m.known, rel)
	}
	return errors.Join(errs...)
}

// copyOrder puts directories before their content and links last.
func copyOrder(now snapshot) []string {
	rank := func(rel string) int {
		switch e := now[rel]; {
		case e.kind() == unix.S_IFDIR:
			return 0
		case e.kind() == unix.S_IFREG:
			return 1
		case rel == dataLink:
			return 2
		}
		return 3
	}
	return slices.SortedFunc(maps.Keys(now), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
}

// removeOrder gives what is gone: links first, directories last, content before them.
func removeOrder(known, now snapshot) []string {
	var gone []string
	for rel := range known {
		if _, ok := now[rel]; !ok && rel != "." {
			gone = append(gone, rel)
		}
	}
	rank := func(rel string) int {
		switch known[rel].kind() {
		case unix.S_IFLNK:
			return 0
		case unix.S_IFREG:
			return 1
		}
		return 2
	}
	slices.SortFunc(gone, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), -strings.Compare(a, b))
	})
	return gone
}
