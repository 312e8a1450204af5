// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// queueSize bounds the spans that wait for a collector.
	queueSize = 2048
	// batchSize bounds the spans of one export, batchWait how long the first of them waits.
	batchSize = 256
	batchWait = time.Second
	// exportTimeout bounds an export. A collector that needs longer has lost its spans.
	exportTimeout = 5 * time.Second
)

// exporter sends spans. One export is under way at a time.
type exporter interface {
	// export returns how many of the spans have been handed over, and why not all of them.
	export(ctx context.Context, spans []sdktrace.ReadOnlySpan) (sent int, err error)
	close()
}

// queue keeps spans for an exporter. It is a processor of OpenTelemetry's; its own drops spans
// without a count.
type queue struct {
	out        exporter
	report     func(error)
	spans      chan sdktrace.ReadOnlySpan
	stop       func()        // closes stopped
	stopped    chan struct{} // no more spans are taken
	done       chan struct{} // nothing is sent any more
	ctx        context.Context
	cut        context.CancelFunc // ends an export under way
	sent, lost atomic.Uint64
	failing    bool // the last export has failed
}

func newQueue(out exporter, report func(error)) *queue {
	q := &queue{
		out: out, report: report, spans: make(chan sdktrace.ReadOnlySpan, queueSize),
		stopped: make(chan struct{}), done: make(chan struct{}),
	}
	q.stop = sync.OnceFunc(func() { close(q.stopped) })
	q.ctx, q.cut = context.WithCancel(context.Background())
	go q.run()
	return q
}

// OnStart does nothing.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd takes a span, or counts it as lost if too many wait. It does not block.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	select {
	case <-q.stopped:
		q.lost.Add(1)
		return
	default:
	}
	select {
	case q.spans <- s:
	default:
		q.lost.Add(1)
	}
}

// ForceFlush does nothing: Shutdown sends what waits.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown sends what waits, until ctx ends.
func (q *queue) Shutdown(ctx context.Context) error {
	q.stop()
	defer context.AfterFunc(ctx, q.cut)()
	<-q.done                                   // at once when an export is cut
	q.lost.Add(uint64(len(q.rest(queueSize)))) // came while it was stopped
	return nil
}

func (q *queue) counts() Counts { return Counts{Sent: q.sent.Load(), Lost: q.lost.Load()} }

func (q *queue) run() {
	defer close(q.done)
	defer q.out.close()
	defer q.cut()
	for {
		batch := q.collect()
		if len(batch) == 0 {
			return
		}
		q.send(batch)
	}
}

// collect waits for a span, and then a moment for those that follow. It returns none when the queue
// has been stopped and is empty.
func (q *queue) collect() (batch []sdktrace.ReadOnlySpan) {
	select {
	case s := <-q.spans:
		batch = append(batch, s)
	case <-q.stopped:
	}
	wait := time.NewTimer(batchWait)
	defer wait.Stop()
	for len(batch) < batchSize {
		select {
		case s := <-q.spans:
			batch = append(batch, s)
			continue
		default:
		}
		select {
		case s := <-q.spans:
			batch = append(batch, s)
		case <-wait.C:
			return batch
		case <-q.stopped:
			return append(batch, q.rest(batchSize-len(batch))...)
		}
	}
	return batch
}

// rest takes what is there, n spans at most.
func (q *queue) rest(n int) (batch []sdktrace.ReadOnlySpan) {
	for len(batch) < n {
		select {
		case s := <-q.spans:
			batch = append(batch, s)
		default:
			return batch
		}
	}
	return batch
}

// send exports a batch. What cannot be sent is lost: to keep it would only lose what comes later.
func (q *queue) send(batch []sdktrace.ReadOnlySpan) {
	ctx, cancel := context.WithTimeout(q.ctx, exportTimeout)
	defer cancel()
	sent, err := 0, q.ctx.Err()
	if err == nil {
		sent, err = q.export(ctx, batch)
	}
	q.sent.Add(uint64(sent))
	q.lost.Add(uint64(len(batch) - sent))
	if err != nil && !q.failing && q.report != nil {
		q.report(err)
	}
	q.failing = err != nil
}

// export contains a panic: the spans are not worth the agent.
func (q *queue) export(ctx context.Context, batch []sdktrace.ReadOnlySpan) (sent int, err error) {
	defer func() {
		if p := recover(); p != nil {
			sent, err = 0, fmt.Errorf("export of spans panicked: %v", p)
		}
	}()
	return q.out.export(ctx, batch)
}
