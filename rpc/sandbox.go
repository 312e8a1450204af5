// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func (s *Service) sandboxMethods() []server.Method {
	return []server.Method{
		empty("CreateSandbox", s.createSandbox),
		empty("DestroySandbox", s.destroySandbox, server.Urgent),
		async("GetOOMEvent", s.getOOMEvent, server.Again),
	}
}

func (s *Service) createSandbox(ctx context.Context, q *protocols.CreateSandboxRequest) error {
	m := &sandbox.Create{
		ID: q.SandboxId, Hostname: q.Hostname, DNS: q.Dns, HookPath: q.GuestHookPath,
		Storages: volumes(q.Storages),
	}
	for _, k := range q.KernelModules {
		m.Modules = append(m.Modules, sandbox.Module{Name: k.Name, Parameters: k.Parameters})
	}
	_, err := core.Ask(ctx, s.agent.Sandbox, m)
	return err
}

// destroySandbox ends the agent after its answer.
func (s *Service) destroySandbox(ctx context.Context, _ *protocols.DestroySandboxRequest) error {
	_, err := core.Ask(ctx, s.agent.Sandbox, &sandbox.Destroy{})
	if err == nil {
		s.options.Destroyed()
	}
	return err
}

// getOOMEvent waits for as long as it takes: an answer without an event would make hosts
// ask again and again.
func (s *Service) getOOMEvent(c *frame.Call, _ *protocols.GetOOMEventRequest) {
	c.OnCancel(core.AskFunc(s.agent.Sandbox, &sandbox.NextOOM{}, func(cid id.Container, err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		c.ReplyOf(&protocols.OOMEvent{ContainerId: string(cid)}, untoldOOM{s.agent.Sandbox, cid})
	}))
}

// untoldOOM gives a kill back whose answer nobody is there for.
type untoldOOM struct {
	sandbox core.Ref
	id      id.Container
}

// Kept is of no interest: the sandbox lives on.
func (untoldOOM) Kept() int64 { return 0 }

// Sent is of no interest either.
func (untoldOOM) Sent(int64) {}

// Returned has the next one told.
func (o untoldOOM) Returned(int64, []byte) { o.Refused(nil) }

// Refused has the next one told.
func (o untoldOOM) Refused([]byte) { o.sandbox.Tell(sandbox.OOMUntold{ID: o.id}) }
