// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers are those of opentelemetry/proto/trace/v1/trace.proto, common/v1/common.proto and
// collector/trace/v1/trace_service.proto. A test decodes what is written with the published code.

// message is an encoded message that grows.
type message []byte

func (m *message) bytes(n protowire.Number, b []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, n, protowire.BytesType), b)
}

// text leaves out an empty one, which is the default.
func (m *message) text(n protowire.Number, s string) {
	if s != "" {
		*m = protowire.AppendString(protowire.AppendTag(*m, n, protowire.BytesType), s)
	}
}

func (m *message) number(n protowire.Number, v uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, n, protowire.VarintType), v)
}

func (m *message) time(n protowire.Number, t time.Time) {
	nanoseconds := uint64(t.UnixNano()) // wall: collectors compare it with other machines' spans
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, n, protowire.Fixed64Type), nanoseconds)
}

func (m *message) attributes(n protowire.Number, all []attribute.KeyValue) {
	for _, a := range all {
		var value, pair message
		switch a.Value.Type() {
		case attribute.BOOL:
			value.number(2, protowire.EncodeBool(a.Value.AsBool()))
		case attribute.INT64:
			value.number(3, uint64(a.Value.AsInt64()))
		default:
			value.bytes(1, []byte(a.Value.Emit()))
		}
		pair.text(1, string(a.Key))
		pair.bytes(2, value)
		m.bytes(n, pair)
	}
}

// encodeRequest makes an ExportTraceServiceRequest of spans of one tracer.
func encodeRequest(spans []sdktrace.ReadOnlySpan) []byte {
	var request, all, resource, scoped, library message
	if len(spans) > 0 {
		resource.attributes(1, spans[0].Resource().Attributes())
	}
	library.text(1, scope)
	scoped.bytes(1, library)
	for _, s := range spans {
		scoped.bytes(2, encodeSpan(s))
	}
	all.bytes(1, resource)
	all.bytes(2, scoped)
	request.bytes(1, all)
	return request
}

func encodeSpan(s sdktrace.ReadOnlySpan) (m message) {
	trace, span, parent := s.SpanContext().TraceID(), s.SpanContext().SpanID(), s.Parent().SpanID()
	m.bytes(1, trace[:])
	m.bytes(2, span[:])
	m.text(3, s.SpanContext().TraceState().String())
	if parent.IsValid() {
		m.bytes(4, parent[:])
	}
	m.text(5, s.Name())
	m.number(6, uint64(s.SpanKind())) // the same numbers
	m.time(7, s.StartTime())
	m.time(8, s.EndTime())
	m.attributes(9, s.Attributes())
	if n := s.DroppedAttributes(); n > 0 {
		m.number(10, uint64(n))
	}
	var status message
	status.text(2, s.Status().Description)
	switch s.Status().Code {
	case codes.Ok:
		status.number(3, 1)
	case codes.Error:
		status.number(3, 2)
	}
	if len(status) > 0 {
		m.bytes(15, status)
	}
	return m
}

// rejected reads the partial success of an ExportTraceServiceResponse: how many spans the collector
// has not taken, and why.
func rejected(response []byte) (n int64, why string) {
	partial := field(response, 1)
	if count := field(partial, 1); len(count) > 0 {
		v, _ := protowire.ConsumeVarint(count)
		n = int64(v)
	}
	return n, string(field(partial, 2))
}

// field returns the content of a message's field, nil if it has none.
func field(m []byte, want protowire.Number) []byte {
	for len(m) > 0 {
		number, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return nil
		}
		m = m[n:]
		size := protowire.ConsumeFieldValue(number, kind, m)
		if size < 0 {
			return nil
		}
		if number == want && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(m)
			return content
		}
		if number == want {
			return m[:size]
		}
		m = m[size:]
	}
	return nil
}
