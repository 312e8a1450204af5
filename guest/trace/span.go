// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// scope is the name of what makes the spans.
const scope = "kata-agent"

// Span is a step that takes time. The zero Span is one that nobody records.
type Span struct{ span oteltrace.Span }

// Start begins a step of the span in ctx. The context returned carries it. Without a span in ctx,
// or if that has ended, it returns ctx and the zero Span. End must be called.
func Start(ctx context.Context, name string) (context.Context, Span) {
	parent := oteltrace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name)
	return ctx, Span{span}
}

// Set gives the span an attribute. Values are seen by whoever collects the spans: no content of
// requests, environments or files.
func (s Span) Set(key, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// Recorded tells whether somebody records the span, for values that cost something to make.
func (s Span) Recorded() bool { return s.span != nil }

// End ends the span; an error makes it one that has failed.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// EndAt ends the span at a time before now.
func (s Span) EndAt(at time.Time) {
	if s.span != nil {
		s.span.End(oteltrace.WithTimestamp(at))
	}
}

// Fail marks the span as failed.
func (s Span) Fail(text string) {
	if s.span != nil {
		s.span.SetStatus(codes.Error, text)
	}
}
