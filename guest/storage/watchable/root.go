// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/mount"
)

// defaultRoots are the directories the tmpfs of the copies may be mounted on; each
// counts below /run/user/<uid> too, for hosts that run without root.
var defaultRoots = []string{
	"/run/kata-containers/shared/containers/watchable",
	"/run/kata-containers/shared/containers/passthrough/watchable",
}

// check gives the directory mountPoint lies in, if it is one of the allowed.
func (s *Set) check(mountPoint string) (string, error) {
	if !path.IsAbs(mountPoint) || path.Clean(mountPoint) != mountPoint || strings.ContainsRune(mountPoint, 0) {
		return "", fmt.Errorf("%w %q", ErrMountPoint, mountPoint)
	}
	roots := s.Roots
	if roots == nil {
		roots = defaultRoots
	}
	root := path.Dir(mountPoint)
	for _, r := range roots {
		if root == r || root == userPrefix(root)+r {
			return root, nil
		}
	}
	return "", fmt.Errorf("%w %q", ErrRoot, root)
}

// userPrefix gives "/run/user/<uid>" if p begins so with a user id written as the
// kernel would, other than 0.
func userPrefix(p string) string {
	rest, ok := strings.CutPrefix(p, "/run/user/")
	uid, _, more := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(uid, 10, 32)
	if !ok || !more || err != nil || n == 0 || strconv.FormatUint(n, 10) != uid {
		return ""
	}
	return "/run/user/" + uid
}

// mountRoot mounts the tmpfs once; other callers wait for that as long as they like.
func (s *Set) mountRoot(ctx context.Context, root string) error {
	s.mu.Lock()
	if s.root != "" && s.root != root {
		s.mu.Unlock()
		return fmt.Errorf("%w: %q and %q", ErrOtherRoot, s.root, root)
	}
	first := s.root == ""
	if first {
		s.root, s.mounted = root, make(chan struct{})
	}
	mounted := s.mounted
	s.mu.Unlock()
	if first {
		go s.doMountRoot(root, mounted)
	}
	select {
	case <-mounted:
	case <-ctx.Done():
		return fmt.Errorf("mount watch directory: %w", context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Set) doMountRoot(root string, mounted chan struct{}) {
	// The host makes the directory: it is its word that the share is there.
	dir, err := s.Mounts.Open(root)
	var made mount.Made
	if err != nil {
		err = fmt.Errorf("mount watch directory: watchable mount source %s not found: %w", root, err)
	} else {
		dir.Close()
		made, err = s.Mounts.Mount(mount.Spec{Source: "tmpfs", Target: root, FSType: "tmpfs"})
	}
	s.mu.Lock()
	s.made, s.err = made, err
	if err != nil {
		s.root = "" // the next storage tries again
	}
	s.mu.Unlock()
	close(mounted)
}
