// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
)

// allowList is the set of names in `[endpoints] allowed` of the configuration: of request messages,
// as Kata has it, or of methods. Nil allows everything.
type allowList map[string]bool

// neverBlocked is the service a host pings: blocking it would kill the pod.
const neverBlocked = protocols.HealthService

func newAllowList(names []string, methods []Method, log *zap.Logger) allowList {
	if names == nil {
		return nil
	}
	known := map[string]bool{}
	for _, r := range methods {
		known[r.Request], known[r.frame.Name] = true, true
	}
	list := allowList{}
	for _, name := range names {
		if !known[name] {
			log.Warn("unknown endpoint in the list of allowed ones", zap.String("endpoint", name))
		}
		list[name] = true
	}
	return list
}

// blocks says whether calls of r are refused.
func (l allowList) blocks(r *Method) bool {
	return l != nil && r.frame.Service != neverBlocked && !l[r.Request] && !l[r.frame.Name]
}

// block makes r refuse every call. The text names the message, by which hosts and their operators
// know endpoints.
func block(r *Method) {
	err := frame.Errorf(codes.Unimplemented, "%s is blocked", r.Request)
	if r.frame.Async != nil {
		r.frame.Async = func(call *frame.Call, _ protocols.Message) { call.Fail(err) }
		return
	}
	r.frame.Blocking = func(context.Context, protocols.Message) (protocols.Message, error) { return nil, err }
}
