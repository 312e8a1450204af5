// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"encoding/binary"
	"encoding/json"
	"math/big"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The JSON is what serde makes of SpanData in version 0.17 of OpenTelemetry for Rust, which Kata's
// agent uses and its trace forwarder reads.
type (
	spanData struct {
		Context    spanContext     `json:"span_context"`
		Parent     uint64          `json:"parent_span_id"`
		Kind       string          `json:"span_kind"`
		Name       string          `json:"name"`
		Start      systemTime      `json:"start_time"`
		End        systemTime      `json:"end_time"`
		Attributes evictedMap      `json:"attributes"`
		Events     evictedQueue    `json:"events"`
		Links      evictedQueue    `json:"links"`
		Status     string          `json:"status_code"`
		Message    string          `json:"status_message"`
		Resource   resourceAndAttr `json:"resource"`
	}
	spanContext struct {
		TraceID  *big.Int    `json:"trace_id"`
		SpanID   uint64      `json:"span_id"`
		Flags    byte        `json:"trace_flags"`
		IsRemote bool        `json:"is_remote"`
		State    [][2]string `json:"trace_state"`
	}
	systemTime struct {
		Seconds     int64 `json:"secs_since_epoch"`
		Nanoseconds int   `json:"nanos_since_epoch"`
	}
	// evictedMap is a map that forgets what was entered first when it is full; ours never is.
	evictedMap struct {
		Map     map[string]any `json:"map"`
		Evicted []string       `json:"evict_list"`
		Max     int            `json:"max_len"`
		Dropped int            `json:"dropped_count"`
	}
	// evictedQueue is the same for lists. We have neither events nor links.
	evictedQueue struct {
		Queue   []struct{} `json:"queue"`
		Max     int        `json:"max_len"`
		Dropped int        `json:"dropped_count"`
	}
	resourceAndAttr struct {
		Attributes map[string]any `json:"attrs"`
	}
)

// maxLen is the default limit of attributes, events and links.
const maxLen = 128

func spanJSON(s sdktrace.ReadOnlySpan) ([]byte, error) {
	sc, parent := s.SpanContext(), s.Parent().SpanID()
	trace, span := sc.TraceID(), sc.SpanID()
	d := spanData{
		Context: spanContext{
			TraceID: new(big.Int).SetBytes(trace[:]), SpanID: binary.BigEndian.Uint64(span[:]),
			Flags: byte(sc.TraceFlags()), IsRemote: sc.IsRemote(), State: states(sc.TraceState()),
		},
		Parent: binary.BigEndian.Uint64(parent[:]),
		Kind:   kindName(s.SpanKind()),
		Name:   s.Name(),
		Start:  since1970(s.StartTime()),
		End:    since1970(s.EndTime()),
		Attributes: evictedMap{
			Map: values(s.Attributes()), Evicted: keys(s.Attributes()), Max: maxLen, Dropped: s.DroppedAttributes(),
		},
		Events:   evictedQueue{Max: maxLen},
		Links:    evictedQueue{Max: maxLen},
		Status:   statusName(s.Status().Code),
		Message:  s.Status().Description,
		Resource: resourceAndAttr{values(s.Resource().Attributes())},
	}
	return json.Marshal(d)
}

func since1970(t time.Time) systemTime {
	return systemTime{t.Unix(), t.Nanosecond()} // wall: collectors compare it with other machines' spans
}

func states(s oteltrace.TraceState) (all [][2]string) {
	s.Walk(func(key, value string) bool {
		all = append(all, [2]string{key, value})
		return true
	})
	return all
}

// kindName has the words of both: "Internal", "Server".
func kindName(k oteltrace.SpanKind) string {
	if k == oteltrace.SpanKindServer {
		return "Server"
	}
	return "Internal"
}

func statusName(c codes.Code) string {
	switch c {
	case codes.Error:
		return "Error"
	case codes.Ok:
		return "Ok"
	}
	return "Unset"
}

func keys(all []attribute.KeyValue) []string {
	names := make([]string, 0, len(all))
	for _, a := range all {
		names = append(names, string(a.Key))
	}
	return names
}

func values(all []attribute.KeyValue) map[string]any {
	m := make(map[string]any, len(all))
	for _, a := range all {
		switch a.Value.Type() {
		case attribute.INT64:
			m[string(a.Key)] = map[string]int64{"I64": a.Value.AsInt64()}
		case attribute.BOOL:
			m[string(a.Key)] = map[string]bool{"Bool": a.Value.AsBool()}
		default:
			m[string(a.Key)] = map[string]string{"String": a.Value.Emit()}
		}
	}
	return m
}
