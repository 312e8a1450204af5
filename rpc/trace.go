// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/trace"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
	"google.golang.org/grpc/codes"
)

// untraced are the methods without a span, as in the Rust agent: streams, and what waits for events
// that may never come.
var untraced = map[string]bool{"ReadStdout": true, "ReadStderr": true, "WriteStdin": true, "GetOOMEvent": true}

// Traced returns the interceptor that begins the span of each request, named and marked as the Rust
// agent's: the method in snake case, mod, and req. The latter has only the ids of the request there:
// with its text environments and file contents would leave the guest.
func Traced(t *trace.Tracer) server.Interceptor {
	return func(ctx context.Context, info *server.Info, request protocols.Message) (context.Context, func(codes.Code, string), error) {
		if info.Service != agentService || untraced[info.Method] {
			return ctx, nil, nil
		}
		md, _ := ttrpc.GetMetadata(ctx)
		ctx, span := t.Begin(ctx, spanName(info.Method), joined(md, "traceparent"), joined(md, "tracestate"))
		if !span.Recorded() {
			return ctx, nil, nil
		}
		span.Set("mod", "rpc.rs")
		span.Set("req", requestIDs(info, request))
		return core.Observe(ctx, spans{}), func(code codes.Code, text string) {
			if code != codes.OK {
				span.Fail(code.String() + ": " + text)
			}
			span.End(nil)
		}, nil
	}
}

// spans records what is done for a request.
type spans struct{}

// Begins is the span of a step. A step has the name of its kind, and the kind's object is an attribute.
func (spans) Begins(ctx context.Context, kind core.StepKind, object string) (context.Context, func(error)) {
	ctx, span := trace.Start(ctx, kind.String())
	if object != "" {
		span.Set(strings.ReplaceAll(kind.Object(), " ", "_"), object)
	}
	return ctx, span.End
}

// Waits is the span of a request in the mailbox of an actor, and parked by it.
func (spans) Waits(ctx context.Context, actor, request string) func(time.Time) {
	_, span := trace.Start(ctx, "queue")
	span.Set("actor", actor)
	span.Set("message", request)
	return span.EndAt
}

// joined is a value of metadata; more than one are a list.
func joined(md ttrpc.MD, key string) string {
	values, _ := md.Get(key)
	return strings.Join(values, ",")
}

// spanName is a method in snake case, as the Rust agent names its spans: create_container, and
// get_iptables, where the acronym does not end.
func spanName(method string) string {
	method = strings.Replace(method, "IPTables", "Iptables", 1)
	var b strings.Builder
	word := []rune(method)
	for i, r := range word {
		first := i > 0 && unicode.IsUpper(r) && (unicode.IsLower(word[i-1]) || i+1 < len(word) && unicode.IsLower(word[i+1]))
		if first {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// requestIDs is a request in the form of a Rust debug text, with ids only.
func requestIDs(info *server.Info, request protocols.Message) string {
	var fields []string
	if r, ok := request.(interface{ GetSandboxId() string }); ok && r.GetSandboxId() != "" {
		fields = append(fields, fmt.Sprintf("sandbox_id: %q", r.GetSandboxId()))
	}
	if r, ok := request.(interface{ GetContainerId() string }); ok && r.GetContainerId() != "" {
		fields = append(fields, fmt.Sprintf("container_id: %q", r.GetContainerId()))
	}
	if r, ok := request.(interface{ GetExecId() string }); ok && r.GetExecId() != "" {
		fields = append(fields, fmt.Sprintf("exec_id: %q", r.GetExecId()))
	}
	return info.Request + " { " + strings.Join(append(fields, ".."), ", ") + " }"
}
