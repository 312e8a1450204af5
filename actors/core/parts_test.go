// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	proto "github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestFifo(t *testing.T) {
	var q fifo
	next, want := 0, 0
	put := func(n int) {
		for range n {
			q.push(next)
			next++
		}
	}
	take := func(n int) {
		t.Helper()
		for range n {
			m, ok := q.pop()
			if !ok || m != want {
				t.Fatalf("got %v, %t, want %d", m, ok, want)
			}
			want++
		}
	}
	for range 100 { // never empty, so it must compact
		put(7)
		take(6)
	}
	if cap(q.buf) > 1000 {
		t.Errorf("room for %d while %d wait", cap(q.buf), q.len())
	}
	take(q.len())
	if q.buf != nil {
		t.Error("a queue that was long keeps its memory")
	}
	if _, ok := q.pop(); ok {
		t.Error("pop of an empty queue")
	}
	put(3)
	take(1)
	if got := q.takeAll(); !slices.Equal(got, []Message{want, want + 1}) || q.len() != 0 {
		t.Errorf("takeAll: %v", got)
	}
}

func TestDirectory(t *testing.T) {
	var d Directory[string, error]
	d.Put("a", errors.New("1"))
	d.Put("a", nil)
	d.Put("b", errors.New("2"))
	if v, ok := d.Get("a"); v != nil || !ok {
		t.Errorf("a: %v, %t", v, ok)
	}
	if v, ok := d.Get("c"); v != nil || ok {
		t.Errorf("c: %v, %t", v, ok)
	}
	var keys []string
	d.Range(func(k string, _ error) bool {
		keys = append(keys, k)
		d.Delete(k) // f may use the directory
		d.Delete(k)
		return true
	})
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"a", "b"}) || d.Len() != 0 {
		t.Errorf("keys %q, %d left", keys, d.Len())
	}
}

func TestDirectoryIsSafe(t *testing.T) {
	var d Directory[int, int]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				d.Put(i%50, i)
				d.Get(i % 50)
				d.Range(func(k, v int) bool { return v%50 == k })
				d.Delete((i + 7) % 50)
			}
		})
	}
	wg.Wait()
	n := 0
	d.Range(func(int, int) bool { n++; return true })
	if n != d.Len() {
		t.Errorf("Len %d, %d entries", d.Len(), n)
	}
}

func TestFrameworkLogIsBridged(t *testing.T) {
	obs, logs := observer.New(zapcore.DebugLevel)
	s := NewSystem(zap.New(obs))
	defer func() { _ = s.Stop(context.Background()) }()
	if cmap.SHARD_COUNT != 1 {
		t.Errorf("%d shards: an empty system is large", cmap.SHARD_COUNT)
	}
	type secret struct{ Env string }
	log := s.proto.Logger().With("who", proto.NewPID("here", "a/b")).WithGroup("g")
	log.Info("dead letter", slog.Any("message", secret{"PASSWORD"}))
	log.Warn("odd", slog.Any("message", secret{"PASSWORD"}), slog.Int("n", 3), slog.Duration("d", time.Second))
	if logs.Len() != 1 {
		t.Fatalf("logs %v", logs.All())
	}
	got := logs.All()[0].ContextMap()
	if got["message"] != "core.secret" || got["who"] != "a/b" || got["n"] != int64(3) || got["lib"] != "protoactor" {
		t.Errorf("fields %v", got)
	}
}

// TestDeadLettersAreSilent: the framework's own subscriber would log them whole.
func TestDeadLettersAreSilent(t *testing.T) {
	s := NewSystem(zap.NewNop())
	defer func() { _ = s.Stop(context.Background()) }()
	if n := s.proto.EventStream.Length(); n != 0 {
		t.Errorf("%d subscribers to dead letters", n)
	}
}

// TestFrameworkPanicEndsTheActor: a panic of the framework between two turns
// must neither end the process nor leave requests waiting.
func TestFrameworkPanicEndsTheActor(t *testing.T) {
	s := NewSystem(zap.NewNop())
	defer func() { _ = s.Stop(context.Background()) }()
	ref, err := s.Spawn("a", nopBehavior{})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	AskFunc(ref, &ping{}, func(_ int, err error) { failed <- err })
	ref.p.PostSystemMessage((*proto.Terminated)(nil)) // its handler cannot take a nil
	if err := <-failed; !errors.Is(err, ErrPanicked) {
		t.Errorf("got %v, want %v", err, ErrPanicked)
	}
	<-ref.Done()
}

type ping struct{ Call[int] }

// TestReplyThatBeatTheDeadlineCounts holds the asker between the end of its
// context and its cancellation, and replies meanwhile.
func TestReplyThatBeatTheDeadlineCounts(t *testing.T) {
	s := NewSystem(zap.NewNop())
	defer func() { _ = s.Stop(context.Background()) }()
	ctx, cancel := context.WithCancel(context.Background())
	ref, err := s.Spawn("a", replyLate{cancel})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Ask(ctx, ref, &ping{}); v != 3 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
}

type replyLate struct{ cancel func() }

func (r replyLate) Receive(_ *Turn, m Message) {
	p := m.(*ping)
	p.head.mu.Lock()
	defer p.head.mu.Unlock()
	r.cancel()
	time.Sleep(10 * time.Millisecond) // clock: the asker is in cancel then, or the test proves nothing
	p.head.settled = true
	p.ch <- reply[int]{v: 3}
}

func (replyLate) Stopped(error) {}

type nopBehavior struct{}

func (nopBehavior) Receive(*Turn, Message) {}
func (nopBehavior) Stopped(error)          {}
