// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Engine has the policy in force. Its methods may be called at the same time.
type Engine struct{ current atomic.Pointer[inForce] }

// inForce is a policy with its state.
type inForce struct {
	*Policy
	// tolerant is AllowRequestsFailingPolicy: what is denied or undefined is allowed.
	tolerant bool
	state    atomic.Pointer[state]
	patching sync.Mutex // held while the state is replaced
	known    known
}

// Input is what a request brings. Value is called at most once, and not if no rule needs it.
type Input interface {
	// Value is the request's document. With bytes false the contents that it carries may be left out:
	// no rule can see them.
	Value(bytes bool) ast.Value
	// IDs name the container and the process that the request is about, "" for none.
	IDs() (container, exec string)
}

// Decision is the answer about a request.
type Decision struct {
	Allowed bool
	// Tolerated says that it is allowed only since AllowRequestsFailingPolicy is.
	Tolerated bool
	// Prints is what the rules have printed, one text for each call, with its place in the document.
	Prints []string
}

// Set puts a policy in force in the place of the one before, with an empty state.
func (e *Engine) Set(p *Policy) {
	f := &inForce{Policy: p}
	f.state.Store(emptyState())
	f.tolerant = tolerates(p)
	e.current.Store(f)
}

// Active says whether there is a policy.
func (e *Engine) Active() bool { return e.current.Load() != nil }

// tolerant is the rule that allows what the policy denies, for development.
const tolerant = "AllowRequestsFailingPolicy"

func tolerates(p *Policy) bool {
	o, err := p.evaluate(context.Background(), p.rule(tolerant), emptyState(), ast.NewObject())
	return err == nil && o.defined && o.allowed
}

// Decide evaluates a rule, the name of a request's message. Without a policy all is allowed. An error
// means that the policy gives no answer: the rule is undefined, its evaluation has failed, its value
// is no decision, or its patch of the state does not apply.
func (e *Engine) Decide(ctx context.Context, rule string, in Input) (Decision, error) {
	f := e.current.Load()
	if f == nil {
		return Decision{Allowed: true}, nil
	}
	r := f.rule(rule)
	if a, ok := f.known.get(r, in); ok {
		return a.decision, a.err
	}
	d, patched, err := f.decide(ctx, r, in.Value(f.bytes))
	if !patched && ctx.Err() == nil {
		f.known.put(r, in, answer{d, err})
	}
	return d, err
}

// Fixed returns the answer of a rule that is the same for every request, once it has been given.
func (e *Engine) Fixed(rule string) (d Decision, ok bool, err error) {
	f := e.current.Load()
	if f == nil {
		return Decision{Allowed: true}, true, nil
	}
	if a := f.rule(rule).only.Load(); a != nil {
		return a.decision, true, a.err
	}
	return Decision{}, false, nil
}

// Known returns the answer about a request that needs no evaluation.
func (e *Engine) Known(rule string, in Input) (d Decision, ok bool, err error) {
	f := e.current.Load()
	if f == nil {
		return Decision{Allowed: true}, true, nil
	}
	a, ok := f.known.get(f.rule(rule), in)
	return a.decision, ok, a.err
}

// decide evaluates a rule. What it reads of the state and what it changes are one step: if another
// patch came in between it is evaluated again. patched says that the rule wants a patch, which is
// applied each time.
func (f *inForce) decide(ctx context.Context, r *rule, input ast.Value) (_ Decision, patched bool, _ error) {
	before := f.state.Load()
	o, err := f.evaluate(ctx, r, before, input)
	if err == nil && o.allowed && o.ops != nil {
		f.patching.Lock()
		defer f.patching.Unlock()
		if f.state.Load() != before {
			before = f.state.Load()
			o, err = f.evaluate(ctx, r, before, input)
		}
	}
	d := Decision{Allowed: o.allowed, Prints: o.prints}
	patched = o.ops != nil
	switch {
	case err != nil:
		return Decision{Prints: o.prints}, patched, err
	case !o.defined && !f.tolerant:
		return d, patched, errUndefined
	case o.allowed && o.ops != nil:
		after, err := before.patched(o.ops)
		if err != nil {
			return Decision{Prints: o.prints}, patched, err
		}
		f.state.Store(after)
	case !o.allowed && f.tolerant:
		d.Allowed, d.Tolerated = true, true
	}
	return d, patched, nil
}

// Tolerant says whether the policy in force allows what it denies.
func (e *Engine) Tolerant() bool {
	f := e.current.Load()
	return f != nil && f.tolerant
}
