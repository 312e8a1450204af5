// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
)

// Span is one that an agent has sent in a frame of Kata's trace forwarder.
type Span struct {
	Context struct {
		TraceID json.Number `json:"trace_id"`
		SpanID  uint64      `json:"span_id"`
	} `json:"span_context"`
	Parent     uint64 `json:"parent_span_id"`
	Name       string `json:"name"`
	Start      Moment `json:"start_time"`
	End        Moment `json:"end_time"`
	Attributes struct {
		Map map[string]map[string]any `json:"map"`
	} `json:"attributes"`
	Status  string `json:"status_code"`
	Message string `json:"status_message"`
}

// Moment is a time as the forwarder reads it: since 1970.
type Moment struct {
	Seconds     int64 `json:"secs_since_epoch"`
	Nanoseconds int64 `json:"nanos_since_epoch"`
}

// Time is the moment as Go has it.
func (m Moment) Time() time.Time { return time.Unix(m.Seconds, m.Nanoseconds) }

// Attribute returns the text of an attribute.
func (s Span) Attribute(key string) string {
	text, _ := s.Attributes.Map[key]["String"].(string)
	return text
}

// Forwarder is a stand-in of Kata's trace forwarder: it keeps what agents send it.
type Forwarder struct {
	Endpoint string // for agent.trace_endpoint
	tb       testing.TB

	mu  sync.Mutex
	raw []byte
}

// NewForwarder listens at a socket until the test ends.
func NewForwarder(tb testing.TB) *Forwarder {
	tb.Helper()
	return ForwarderAt(tb, filepath.Join(shortDir(tb), "trace.sock"))
}

// ForwarderAt listens at a path.
func ForwarderAt(tb testing.TB, path string) *Forwarder {
	tb.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		tb.Fatal(err)
	}
	f := &Forwarder{Endpoint: "unix://" + path, tb: tb}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.read(c)
		}
	}()
	return f
}

func (f *Forwarder) read(c net.Conn) {
	defer c.Close()
	text, err := io.ReadAll(c)
	if err != nil {
		f.tb.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.raw = append(f.raw, text...)
}

// Tree is a request's span with all below it, each as a path of names from it down, sorted.
func Tree(all []Span, top Span) (paths []string) {
	Walk(all, top, func(path string, _ Span) { paths = append(paths, path) })
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Walk visits a request's span and all below it, each with its path of names from the request down.
func Walk(all []Span, top Span, visit func(path string, s Span)) {
	var walk func(Span, string)
	walk = func(s Span, at string) {
		visit(at+s.Name, s)
		for _, c := range all {
			if c.Parent == s.Context.SpanID {
				walk(c, at+s.Name+"/")
			}
		}
	}
	walk(top, "")
}

// Raw is what an agent has sent that has ended: it waits for the agent's own span, the last.
func (f *Forwarder) Raw() (raw []byte) {
	f.tb.Helper()
	guard.Until(f.tb, "the spans of an agent that has ended", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		raw = f.raw
		return bytes.Contains(raw, []byte(`"name":"root-span"`))
	})
	return raw
}

// Spans is the same, decoded.
func (f *Forwarder) Spans() (all []Span) {
	f.tb.Helper()
	for raw := f.Raw(); len(raw) > 0; {
		size := binary.BigEndian.Uint64(raw)
		var s Span
		if err := json.Unmarshal(raw[8:8+size], &s); err != nil {
			f.tb.Fatalf("%v in %s", err, raw[8:8+size])
		}
		all = append(all, s)
		raw = raw[8+size:]
	}
	return all
}
