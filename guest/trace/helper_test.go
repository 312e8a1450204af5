// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// forwarder is a stand-in of Kata's trace forwarder: it takes the frames of one connection after
// the other.
type forwarder struct {
	net.Listener
	path  string
	conns chan net.Conn
	spans chan map[string]any
}

func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	return listenForwarder(t, path)
}

func listenForwarder(t *testing.T, path string) *forwarder {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{Listener: l, path: path, conns: make(chan net.Conn, 100), spans: make(chan map[string]any, 10000)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.conns <- c
			go f.read(c)
		}
	}()
	return f
}

func (f *forwarder) read(c net.Conn) {
	defer c.Close()
	for {
		var size uint64
		if binary.Read(c, binary.BigEndian, &size) != nil {
			return
		}
		text := make([]byte, size)
		var span map[string]any
		if _, err := io.ReadFull(c, text); err != nil || json.Unmarshal(text, &span) != nil {
			span = map[string]any{"broken": string(text)}
		}
		f.spans <- span
	}
}

// named is the next span.
func (f *forwarder) next(t *testing.T) map[string]any { return guard.Receive(t, "a span", f.spans) }

func newTracer(t *testing.T, endpoint string, lost func(error)) *Tracer {
	t.Helper()
	tr, err := New(Options{Endpoint: endpoint, Version: "1", Lost: lost})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		tr.Close(ctx)
	})
	return tr
}

// span records a span of a request.
func record(tr *Tracer, name string) {
	_, s := tr.Begin(context.Background(), name, "", "")
	s.End(nil)
}
