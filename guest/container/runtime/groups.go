// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"maps"
	"path/filepath"
	"strings"
	"sync"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
)

// hierarchies remembers where the hierarchies of cgroup v1 are mounted. The cgroup library looks for each of
// them anew for every manager, with four system calls for each; and libcontainer has a manager beside ours.
// They are mounted when the guest boots, and stay.
type hierarchies struct {
	mu    sync.Mutex
	roots map[string]string // by controller; nil: not known
}

// ofMachine are those of this machine.
var ofMachine hierarchies

// manager makes the manager of a container's cgroup.
func (h *hierarchies) manager(cg *cgroups.Cgroup) (cgroups.Manager, error) {
	inner := filepath.Clean(cg.Path)
	if cg.Systemd || !filepath.IsAbs(inner) || cgroups.IsCgroup2UnifiedMode() {
		return manager.New(cg)
	}
	h.mu.Lock()
	roots := h.roots
	h.mu.Unlock()
	if roots != nil {
		return manager.NewWithPaths(cg, below(roots, inner))
	}
	m, err := manager.New(cg)
	if err == nil {
		h.remember(m.GetPaths(), inner)
	}
	return m, err
}

// remember takes the roots out of a container's paths, if they are what they are taken for.
func (h *hierarchies) remember(paths map[string]string, inner string) {
	roots := map[string]string{}
	for controller, path := range paths {
		root, found := strings.CutSuffix(path, inner)
		if !found || inner == "/" {
			return
		}
		roots[controller] = root
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(roots) > 0 {
		h.roots = roots
	}
}

// below are the paths of a cgroup below the roots.
func below(roots map[string]string, inner string) map[string]string {
	paths := maps.Clone(roots)
	for controller, root := range paths {
		paths[controller] = filepath.Join(root, inner)
	}
	return paths
}
