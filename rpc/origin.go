// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/rpc/server"
)

// Begin says in the context of a request's handler for whom it works: what the live view tells of its
// steps.
func (s *Service) Begin(ctx context.Context, info *server.Info, request protocols.Message) context.Context {
	o := core.Origin{Method: info.Method}
	if r, ok := request.(interface{ GetContainerId() string }); ok {
		o.Container = r.GetContainerId()
	}
	if r, ok := request.(interface{ GetExecId() string }); ok {
		o.Exec = r.GetExecId()
	}
	if c := frame.Of(ctx); c != nil {
		o.Peer = c
	}
	return s.agent.From(ctx, o)
}
