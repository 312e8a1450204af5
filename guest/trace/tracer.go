// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// rootName is the span that lasts as long as the agent, named as the Rust agent's.
const rootName = "root-span"

// valueLimit bounds the values of attributes, in characters.
const valueLimit = 1024

// Tracer begins spans and sends them.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   oteltrace.Tracer
	queue    *queue
	root     atomic.Pointer[rootSpan]
}

type rootSpan struct{ oteltrace.Span }

// Options of a tracer.
type Options struct {
	// Endpoint is where the spans go: "" for Kata's trace forwarder on the host, or what
	// ParseEndpoint takes.
	Endpoint string
	Version  string // of the agent
	// Lost, unless nil, is told why spans are lost: once, and again when spans have arrived meanwhile.
	Lost func(error)
}

// New begins to trace, with a span that ends with Close. Nothing is dialed before the first spans
// have ended. The error wraps ErrEndpoint if the endpoint has no meaning.
func New(o Options) (*Tracer, error) {
	out, err := newExporter(o.Endpoint)
	if err != nil {
		return nil, err
	}
	t := &Tracer{queue: newQueue(out, o.Lost)}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = valueLimit
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", scope), attribute.String("service.version", o.Version))),
		sdktrace.WithSpanProcessor(t.queue),
		sdktrace.WithIDGenerator(kernelIDs{}),
	)
	t.tracer = t.provider.Tracer(scope)
	t.root.Store(t.newRoot())
	return t, nil
}

func (t *Tracer) newRoot() *rootSpan {
	_, span := t.tracer.Start(context.Background(), rootName)
	return &rootSpan{span}
}

// Renew begins the agent's own span anew, in another trace: in a machine that was cloned, the one
// before belongs to all its clones.
func (t *Tracer) Renew() { t.root.Swap(t.newRoot()).End() }

// Begin begins the span of a request. traceparent and tracestate are the caller's (W3C Trace
// Context); without a usable one the span is a child of the agent's own. A caller that does not
// sample gets a zero Span.
func (t *Tracer) Begin(ctx context.Context, name, traceparent, tracestate string) (context.Context, Span) {
	carrier := propagation.MapCarrier{"traceparent": traceparent, "tracestate": tracestate}
	parent := propagation.TraceContext{}.Extract(ctx, carrier)
	if !oteltrace.SpanContextFromContext(parent).IsRemote() {
		parent = oteltrace.ContextWithSpan(ctx, t.root.Load())
	}
	ctx, span := t.tracer.Start(parent, name, oteltrace.WithSpanKind(oteltrace.SpanKindServer))
	if !span.IsRecording() {
		return ctx, Span{}
	}
	return ctx, Span{span}
}

// Counts is what has become of the spans that have ended.
type Counts struct{ Sent, Lost uint64 }

// Close ends the agent's span and sends what waits, for as long as ctx allows. Spans that end later
// are lost.
func (t *Tracer) Close(ctx context.Context) Counts {
	t.root.Load().End()
	_ = t.provider.Shutdown(ctx) // the queue's, which counts what it loses
	return t.queue.counts()
}
