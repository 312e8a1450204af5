// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	engine "github.com/kata-containers/kata-agent/guest/policy"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/kata-containers/kata-agent/rpc/document"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// setPolicy is the one request that is asked about where it is served: nothing may come between the
// question and the change.
const setPolicy = "SetPolicyRequest"

// Gate stands in front of all calls.
type Gate struct {
	engine  engine.Engine
	log     *zap.Logger
	setting sync.Mutex
	recent  ring
}

// New makes a gate without a policy, which lets everything through.
func New(log *zap.Logger) *Gate { return &Gate{log: log} }

// Load puts a policy in force. name is what its prints are prefixed with.
func (g *Gate) Load(name, text string) error {
	p, err := engine.Compile(name, text)
	if err != nil {
		return err
	}
	g.engine.Set(p)
	debug.FreeOSMemory() // compiling leaves many times what is kept
	if g.engine.Tolerant() {
		g.log.Warn("the policy allows requests that it denies (AllowRequestsFailingPolicy)", zap.String("policy", name))
	}
	return nil
}

// Active tells whether a policy is in force.
func (g *Gate) Active() bool { return g.engine.Active() }

// Known implements server.Gate.
func (g *Gate) Known(info *server.Info, request protocols.Message) (ok bool, err error) {
	if info.Request == setPolicy || !g.engine.Active() {
		return true, nil
	}
	d, ok, err := g.engine.Fixed(info.Request)
	if ok && d.Allowed && err == nil {
		return true, nil
	}
	in := document.Input{Request: request}
	if !ok {
		d, ok, err = g.engine.Known(info.Request, in)
	}
	if !ok || d.Allowed && err == nil {
		return ok, nil
	}
	return true, g.answer(info.Request, in, d, err)
}

// Decide implements server.Gate.
func (g *Gate) Decide(ctx context.Context, info *server.Info, request protocols.Message) error {
	if info.Request == setPolicy {
		return nil
	}
	return g.decide(ctx, info.Request, request)
}

func (g *Gate) decide(ctx context.Context, rule string, request protocols.Message) error {
	in := document.Input{Request: request}
	if err := in.Check(); err != nil {
		return err
	}
	d, err := g.engine.Decide(ctx, rule, in)
	return g.answer(rule, in, d, err)
}

// answer notes a decision and makes the call's answer of it: nil if the call is let through.
func (g *Gate) answer(rule string, in document.Input, d engine.Decision, err error) error {
	g.recent.add(rule, in, d, err)
	switch {
	case err != nil:
		return fmt.Errorf("%s: internal error %w", rule, err)
	case d.Tolerated:
		g.log.Warn("allowed although the policy denies it", zap.String("request", rule))
	case !d.Allowed:
		return rpc.Blocked(rule + " is blocked by policy: " + strings.Join(d.Prints, " "))
	}
	return nil
}

// SetPolicy puts another policy in force if the one in force allows that.
func (g *Gate) SetPolicy(ctx context.Context, q *protocols.SetPolicyRequest) error {
	g.setting.Lock()
	defer g.setting.Unlock()
	if err := g.decide(ctx, setPolicy, q); err != nil {
		return err
	}
	if err := g.Load(engine.Package, q.Policy); err != nil {
		return rpc.Unusable(err)
	}
	g.log.Info("another policy is in force", zap.Int("bytes", len(q.Policy)))
	return nil
}
