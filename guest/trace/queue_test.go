// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
)

// TestSilentCollector: a collector that takes connections and reads nothing holds nobody up; what
// it does not take is counted, and the end does not wait longer than it is told to.
func TestSilentCollector(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nothing is accepted: the kernel connects
	for _, endpoint := range []string{"http://" + l.Addr().String(), "unix://" + silentSocket(t)} {
		t.Run(endpoint[:4], func(t *testing.T) {
			tr := newTracer(t, endpoint, nil)
			const n = 2 * queueSize
			for range n {
				record(tr, "x")
			}
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond) // clock: it has to pass, whatever has been sent by then
			defer cancel()
			c := guard.Receive(t, "the end", closing(ctx, tr))
			if c.Sent+c.Lost != n+1 || c.Lost == 0 { // one is the agent's own
				t.Errorf("%+v, want %d in all and some of them lost", c, n+1)
			}
		})
	}
}

func closing(ctx context.Context, tr *Tracer) <-chan Counts {
	c := make(chan Counts, 1)
	go func() { c <- tr.Close(ctx) }()
	return c
}

// silentSocket is listened to, and nobody accepts.
func silentSocket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return path
}

// TestAbsentCollector: one report tells that spans are lost, and all of them are counted.
func TestAbsentCollector(t *testing.T) {
	reports := make(chan error, 100)
	tr := newTracer(t, "unix:///nowhere/s", func(err error) { reports <- err })
	record(tr, "x")
	if err := guard.Receive(t, "a report", reports); err == nil {
		t.Error("no reason is told")
	}
	record(tr, "y")
	if c := tr.Close(t.Context()); c != (Counts{Lost: 3}) {
		t.Errorf("%+v, want 3 lost", c)
	}
	if len(reports) != 0 {
		t.Errorf("%v is reported, too", <-reports)
	}
	record(tr, "late")
	if c := tr.queue.counts(); c.Lost != 4 && c.Lost != 3 { // a provider that is shut down records nothing
		t.Errorf("%+v after the end", c)
	}
}

// TestCloseSendsWhatWaits: nothing that has ended before the end is lost, though nobody has waited
// for the moment that spans are collected for.
func TestCloseSendsWhatWaits(t *testing.T) {
	f := newForwarder(t)
	tr := newTracer(t, "unix://"+f.path, nil)
	const n = batchSize + 10
	for range n {
		record(tr, "x")
	}
	if c := tr.Close(t.Context()); c != (Counts{Sent: n + 1}) {
		t.Errorf("%+v, want %d sent", c, n+1)
	}
	var last any
	for range n + 1 {
		last = f.next(t)["name"]
	}
	if last != rootName {
		t.Errorf("the last is %v, want the agent's own", last)
	}
}
