// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Why something of a spec is passed over.
const (
	notEnforced  = "not enforced, as this guest's kernel cannot"
	noCapability = "no capability of this guest's kernel, passed over"
)

// told is what of a container's spec has been passed over, so that each is told once.
type told struct {
	warn  func(error)
	mu    sync.Mutex
	words []string
}

// once warns of those words that it has not warned of yet, in one sentence.
func (t *told) once(id, why string, words []string) {
	if len(words) == 0 || t == nil || t.warn == nil {
		return
	}
	t.mu.Lock()
	fresh := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(t.words, w) })
	t.words = append(t.words, fresh...)
	t.mu.Unlock()
	if len(fresh) > 0 {
		t.warn(fmt.Errorf("container %q: %s: %s", id, why, strings.Join(fresh, ", ")))
	}
}

// dropCapabilities takes the names out of a process's sets that the kernel does not have, and
// returns them (runtime-spec 1.1: "runtimes SHOULD log a warning and ignore").
func dropCapabilities(p *specs.Process) (unknown []string) {
	if p == nil || p.Capabilities == nil {
		return nil
	}
	c := p.Capabilities
	for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted, &c.Inheritable, &c.Ambient} {
		_, absent, err := nsexec.CapabilitySet(*set)
		if err != nil || len(absent) == 0 {
			continue
		}
		*set = slices.DeleteFunc(slices.Clone(*set), func(name string) bool { return slices.Contains(absent, name) })
		unknown = append(unknown, absent...)
	}
	slices.Sort(unknown)
	return slices.Compact(unknown)
}
