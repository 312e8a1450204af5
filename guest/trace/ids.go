// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"crypto/rand"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// kernelIDs draws the ids of traces and spans from the kernel. The SDK's own generator draws them from
// the process's memory, which the clones of one machine have in common.
type kernelIDs struct{}

// NewIDs returns the ids of a new trace and its first span.
func (kernelIDs) NewIDs(context.Context) (id oteltrace.TraceID, span oteltrace.SpanID) {
	draw(id[:])
	draw(span[:])
	return id, span
}

// NewSpanID returns the id of another span of a trace.
func (kernelIDs) NewSpanID(context.Context, oteltrace.TraceID) (span oteltrace.SpanID) {
	draw(span[:])
	return span
}

// draw fills b, which must not be all zero: that is no id.
func draw(b []byte) {
	_, _ = rand.Read(b) // never fails
	for _, x := range b {
		if x != 0 {
			return
		}
	}
	draw(b)
}
