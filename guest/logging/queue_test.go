// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// stuck is a sink whose Write does not return until it is released, and then
// fails or takes everything.
type stuck struct {
	release chan error
}

func (s stuck) Write(p []byte) (int, error) {
	if err := <-s.release; err != nil {
		return 0, err
	}
	return len(p), nil
}

// limited takes n bytes, then fails.
type limited struct {
	bytes.Buffer
	n int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) <= l.n {
		l.n -= len(p)
		return l.Buffer.Write(p)
	}
	n, _ := l.Buffer.Write(p[:l.n])
	l.n = 0
	return n, errors.New("peer has gone")
}

func lineNumber(i int) []byte { return fmt.Appendf(nil, "line %d\n", i) }

func TestAppendDoesNotWaitForTheSink(t *testing.T) {
	sink := stuck{make(chan error)}
	q := NewQueue(1000, sink)
	l := New(q, zap.NewAtomicLevel(), 1, nil)
	for range 1000 {
		l.Info("x")
	}
	if q.Dropped() == 0 {
		t.Error("nothing was dropped")
	}
	q.mu.Lock()
	held := q.size
	q.mu.Unlock()
	if held > 1000 {
		t.Errorf("%d bytes held, limit 1000", held)
	}
	close(sink.release)
	closeQueue(t, q)
}

func TestDropsTheOldestAndTells(t *testing.T) {
	q := NewQueue(60, nil)
	New(q, zap.NewAtomicLevel(), 1, nil)
	for i := range 100 {
		q.Append(lineNumber(i))
	}
	var out bytes.Buffer
	q.SetFallback(&out)
	flush(t, q)
	report, rest, _ := strings.Cut(out.String(), "\n")
	r := decode(t, []byte(report))[0]
	if r["msg"] != "log lines dropped" || r["count"] != "93" || r["level"] != "WARN" || r["subsystem"] != "logging" {
		t.Errorf("report %v", r)
	}
	if !strings.HasPrefix(rest, "line 93\n") || !strings.HasSuffix(rest, "line 99\n") {
		t.Errorf("kept %q", rest)
	}
	if q.Dropped() != 93 {
		t.Errorf("Dropped() = %d", q.Dropped())
	}
	out.Reset()
	q.Append(lineNumber(100))
	closeQueue(t, q)
	if out.String() != "line 100\n" {
		t.Errorf("later %q: the report came again, or the line did not come", out.String())
	}
}

func TestLineOverTheLimitIsKept(t *testing.T) {
	q := NewQueue(10, nil)
	q.Append([]byte(strings.Repeat("x", 100) + "\n"))
	var out bytes.Buffer
	q.SetFallback(&out)
	closeQueue(t, q)
	if out.Len() != 101 {
		t.Errorf("%d bytes", out.Len())
	}
}

func TestLinesWaitForTheFirstSink(t *testing.T) {
	q := NewQueue(DefaultLimit, nil)
	q.Append(lineNumber(1))
	var host bytes.Buffer
	lost := q.Attach(&host)
	flush(t, q)
	if host.String() != "line 1\n" {
		t.Errorf("host got %q", host.String())
	}
	q.Detach(&host)
	<-lost
	q.Append(lineNumber(2))
	var again bytes.Buffer
	q.Attach(&again)
	closeQueue(t, q)
	if again.String() != "line 2\n" {
		t.Errorf("second host got %q", again.String())
	}
}

func TestBrokenSinkHandsOver(t *testing.T) {
	var stdout bytes.Buffer
	q := NewQueue(DefaultLimit, nil)
	for i := range 4 {
		q.Append(lineNumber(i))
	}
	// Room for line 0, line 1 and a part of line 2.
	host := &limited{n: len("line 0\nline 1\nli")}
	<-q.Attach(host)
	q.SetFallback(&stdout)
	closeQueue(t, q)
	if stdout.String() != "line 2\nline 3\n" {
		t.Errorf("fallback got %q", stdout.String())
	}
	if q.Dropped() != 0 {
		t.Errorf("%d dropped", q.Dropped())
	}
}

func TestStuckSinkIsLeftWhenItsOwnerClosesIt(t *testing.T) {
	var stdout bytes.Buffer
	q := NewQueue(DefaultLimit, &stdout)
	host := stuck{make(chan error)}
	lost := q.Attach(host)
	q.Append(lineNumber(1))
	host.release <- errors.New("closed")
	<-lost
	closeQueue(t, q)
	if stdout.String() != "line 1\n" {
		t.Errorf("fallback got %q", stdout.String())
	}
}

func TestBrokenFallbackDropsAndGoesOn(t *testing.T) {
	q := NewQueue(DefaultLimit, &limited{})
	q.Append(lineNumber(1))
	flush(t, q)
	if q.Dropped() != 1 {
		t.Errorf("%d dropped, want 1", q.Dropped())
	}
	var out bytes.Buffer
	q.SetFallback(&out)
	q.Append(lineNumber(2))
	closeQueue(t, q)
	if out.String() != "line 2\n" {
		t.Errorf("later %q", out.String())
	}
}

func TestAttachReplaces(t *testing.T) {
	q := NewQueue(DefaultLimit, nil)
	var first, second bytes.Buffer
	lost := q.Attach(&first)
	lostSecond := q.Attach(&second)
	<-lost
	q.Detach(&first) // no longer the sink: must not touch the second
	q.Append(lineNumber(1))
	closeQueue(t, q)
	<-lostSecond
	if first.Len() != 0 || second.String() != "line 1\n" {
		t.Errorf("first %q, second %q", first.String(), second.String())
	}
}

func TestCloseIsBoundedAndFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := stuck{make(chan error)}
		q := NewQueue(DefaultLimit, host)
		q.Append(lineNumber(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close with a stuck sink: %v, want %v", err, context.DeadlineExceeded)
		}
		if err := q.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush with a stuck sink: %v, want %v", err, context.DeadlineExceeded)
		}
		close(host.release)
		if err := q.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
		q.Append(lineNumber(2))
		if q.Dropped() != 1 {
			t.Errorf("%d dropped after Close, want 1", q.Dropped())
		}
		<-q.Attach(host)
		if err := q.Flush(t.Context()); err != nil {
			t.Errorf("Flush after Close: %v", err)
		}
	})
}

func TestCloseWithoutSinkDrops(t *testing.T) {
	q := NewQueue(DefaultLimit, nil)
	q.Append(lineNumber(1))
	closeQueue(t, q)
	if q.Dropped() != 1 {
		t.Errorf("%d dropped, want 1", q.Dropped())
	}
}

func TestOrderAndCountUnderLoad(t *testing.T) {
	const writers, each = 8, 500
	var out bytes.Buffer
	q := NewQueue(DefaultLimit, &out)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				q.Append(fmt.Appendf(nil, "%d %d\n", w, i))
			}
		})
	}
	wg.Wait()
	closeQueue(t, q)
	next := map[int]int{}
	for line := range strings.Lines(out.String()) {
		var w, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &w, &i); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if next[w] != i {
			t.Fatalf("writer %d: line %d where %d is due", w, i, next[w])
		}
		next[w]++
	}
	for w := range writers {
		if next[w] != each {
			t.Errorf("writer %d: %d lines of %d", w, next[w], each)
		}
	}
}
