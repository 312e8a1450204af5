// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
)

// rule is a rule by its name, with what is known of it.
type rule struct {
	query ast.Body
	reads reading
	// only is the answer of a rule that reads nothing of the request.
	only atomic.Pointer[answer]
	mu   sync.RWMutex
	by   map[ids]answer
}

type ids struct{ container, exec string }

type answer struct {
	decision Decision
	err      error
}

// rule returns the rule with a name, which need not be there.
func (p *Policy) rule(name string) *rule {
	p.mu.RLock()
	r := p.rules[name]
	p.mu.RUnlock()
	if r != nil {
		return r
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r = p.rules[name]; r == nil {
		r = &rule{query: query(name), reads: p.reading(name)}
		p.rules[name] = r
	}
	return r
}

// known has the answers of rules that cannot change as long as the policy is in force: those that
// read neither the state nor anything of the request but the ids of container and process.
type known struct{}

// maxKnown bounds the answers that are kept of one rule. A guest has fewer processes.
const maxKnown = 4096

func (known) get(r *rule, in Input) (answer, bool) {
	switch r.reads.kind {
	case readsNothing:
		if a := r.only.Load(); a != nil {
			return *a, true
		}
	case readsIDs:
		container, exec := in.IDs()
		r.mu.RLock()
		defer r.mu.RUnlock()
		a, ok := r.by[r.reads.key(container, exec)]
		return a, ok
	}
	return answer{}, false
}

func (known) put(r *rule, in Input, a answer) {
	switch r.reads.kind {
	case readsNothing:
		r.only.Store(&a)
	case readsIDs:
		container, exec := in.IDs()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.by == nil || len(r.by) >= maxKnown {
			r.by = map[ids]answer{}
		}
		r.by[r.reads.key(container, exec)] = a
	}
}
