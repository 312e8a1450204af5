// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"time"
)

// Span is a step that took time.
type Span struct {
	Trace, ID, Parent string // hexadecimal; no parent is ""
	Name              string
	Start, End        time.Time
	Request           bool // and no step of one
	Attributes        map[string]string
	Failed            bool
	Message           string // why
}

// ErrFormat says that a file holds something else than spans.
var ErrFormat = errors.New("neither frames of Kata's trace forwarder nor OTLP JSON")

// frameLimit bounds the length of a frame, in bytes.
const frameLimit = 16 << 20

// Read reads spans: frames as agents send them to Kata's trace forwarder, or JSON objects of the
// same content or of OTLP, one after the other, as the collector's file exporter writes them. Of a
// file that is cut off it reads what is whole.
func Read(r io.Reader) ([]Span, error) {
	b := bufio.NewReader(r)
	first, err := b.Peek(1)
	if err != nil {
		return nil, fmt.Errorf("no spans: %w", err)
	}
	if first[0] == 0 { // the highest byte of a length
		return readFrames(b)
	}
	return readObjects(b)
}

func readFrames(r io.Reader) (all []Span, err error) {
	for {
		var size uint64
		if err := binary.Read(r, binary.BigEndian, &size); err != nil {
			return all, atEnd(err)
		}
		if size > frameLimit {
			return nil, fmt.Errorf("%w: a frame of %d bytes", ErrFormat, size)
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(r, text); err != nil {
			return all, atEnd(err)
		}
		if all, err = appendObject(all, text); err != nil {
			return nil, err
		}
	}
}

func readObjects(r io.Reader) (all []Span, err error) {
	for d, n := json.NewDecoder(r), 0; ; n++ {
		var text json.RawMessage
		if err := d.Decode(&text); err != nil {
			if n > 0 {
				err = atEnd(err)
			}
			return all, err
		}
		if all, err = appendObject(all, text); err != nil {
			return nil, err
		}
	}
}

// atEnd is nil at the end of a file, wherever it is cut off.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func appendObject(all []Span, text []byte) ([]Span, error) {
	var both struct {
		frame
		otlp
	}
	if err := json.Unmarshal(text, &both); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	switch {
	case both.ResourceSpans != nil:
		return both.spans(all)
	case both.Context != nil:
		return append(all, both.span()), nil
	}
	return nil, ErrFormat
}

// frame is a span in a frame of Kata's.
type frame struct {
	Context *struct {
		Trace *big.Int `json:"trace_id"`
		ID    uint64   `json:"span_id"`
	} `json:"span_context"`
	Parent     uint64     `json:"parent_span_id"`
	SpanKind   string     `json:"span_kind"`
	Name       string     `json:"name"`
	Start      systemTime `json:"start_time"`
	End        systemTime `json:"end_time"`
	Attributes struct {
		Map map[string]map[string]any `json:"map"`
	} `json:"attributes"`
	StatusCode    string `json:"status_code"`
	StatusMessage string `json:"status_message"`
}

type systemTime struct {
	Seconds     int64 `json:"secs_since_epoch"`
	Nanoseconds int64 `json:"nanos_since_epoch"`
}

func (t systemTime) time() time.Time { return time.Unix(t.Seconds, t.Nanoseconds) }

func (f *frame) span() Span {
	s := Span{
		ID: fmt.Sprintf("%016x", f.Context.ID), Name: f.Name, Start: f.Start.time(), End: f.End.time(),
		Request: f.SpanKind == "Server", Attributes: map[string]string{},
		Failed: f.StatusCode == "Error", Message: f.StatusMessage,
	}
	if f.Context.Trace != nil {
		s.Trace = fmt.Sprintf("%032x", f.Context.Trace)
	}
	if f.Parent != 0 {
		s.Parent = fmt.Sprintf("%016x", f.Parent)
	}
	for key, value := range f.Attributes.Map {
		for _, v := range value {
			s.Attributes[key] = fmt.Sprint(v)
		}
	}
	return s
}

// otlp is a request of OTLP in its JSON.
type otlp struct {
	ResourceSpans []struct {
		ScopeSpans []struct {
			Spans []otlpSpan `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

type otlpSpan struct {
	TraceID    string      `json:"traceId"`
	SpanID     string      `json:"spanId"`
	Parent     string      `json:"parentSpanId"`
	Name       string      `json:"name"`
	Kind       int         `json:"kind"`
	Start      json.Number `json:"startTimeUnixNano"`
	End        json.Number `json:"endTimeUnixNano"`
	Attributes []struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	} `json:"attributes"`
	Status struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
}

// The numbers of OTLP's enumerations.
const (
	kindServer  = 2
	statusError = 2
)

func (o *otlp) spans(all []Span) ([]Span, error) {
	for _, r := range o.ResourceSpans {
		for _, scope := range r.ScopeSpans {
			for _, from := range scope.Spans {
				s, err := from.span()
				if err != nil {
					return nil, err
				}
				all = append(all, s)
			}
		}
	}
	return all, nil
}

func (o *otlpSpan) span() (Span, error) {
	start, startErr := strconv.ParseInt(o.Start.String(), 10, 64)
	end, endErr := strconv.ParseInt(o.End.String(), 10, 64)
	if err := errors.Join(startErr, endErr); err != nil {
		return Span{}, fmt.Errorf("%w: times of span %q: %w", ErrFormat, o.Name, err)
	}
	s := Span{
		Trace: o.TraceID, ID: o.SpanID, Parent: o.Parent, Name: o.Name, Start: time.Unix(0, start), End: time.Unix(0, end),
		Request: o.Kind == kindServer, Attributes: map[string]string{},
		Failed: o.Status.Code == statusError, Message: o.Status.Message,
	}
	for _, a := range o.Attributes {
		for _, v := range a.Value {
			s.Attributes[a.Key] = fmt.Sprint(v)
		}
	}
	return s, nil
}
