// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
)

// echo answers at once.
type echo struct{}

func (echo) Receive(_ *core.Turn, m core.Message) {
	switch m := m.(type) {
	case *double:
		m.Reply(2*m.N, nil)
	case chan struct{}:
		close(m)
	}
}

func (echo) Stopped(error) {}

func newEcho(b *testing.B) (*core.System, core.Ref) {
	b.Helper()
	s := core.NewSystem(zap.NewNop())
	ref, err := s.Spawn("echo", echo{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Stop(context.Background()) })
	b.ReportAllocs()
	return s, ref
}

// BenchmarkTell is a flood: cost of Tell and of the turn together.
func BenchmarkTell(b *testing.B) {
	_, ref := newEcho(b)
	var m core.Message = "hello"
	for b.Loop() {
		ref.Tell(m)
	}
	done := make(chan struct{})
	ref.Tell(done)
	<-done
}

func BenchmarkAsk(b *testing.B) {
	_, ref := newEcho(b)
	ctx := b.Context()
	for b.Loop() {
		if _, err := core.Ask(ctx, ref, &double{N: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAskParallel(b *testing.B) {
	_, ref := newEcho(b)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := core.Ask(b.Context(), ref, &double{N: 1}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkAskFunc(b *testing.B) {
	_, ref := newEcho(b)
	var wg sync.WaitGroup
	deliver := func(int, error) { wg.Done() }
	for b.Loop() {
		wg.Add(1)
		core.AskFunc(ref, &double{N: 1}, deliver)
	}
	wg.Wait()
}

func BenchmarkSpawnStop(b *testing.B) {
	s, _ := newEcho(b)
	stopper := &script{receive: func(t *core.Turn, _ core.Message) { t.Stop(nil) }}
	for b.Loop() {
		ref, err := s.Spawn("one", stopper)
		if err != nil {
			b.Fatal(err)
		}
		ref.Tell(nil)
		<-ref.Done()
	}
}

func BenchmarkGo(b *testing.B) {
	s, _ := newEcho(b)
	worker, err := s.Spawn("worker", &script{receive: func(t *core.Turn, m core.Message) {
		d := m.(*double)
		core.Go(t, func(context.Context) (int, error) { return 2 * d.N, nil },
			func(_ *core.Turn, v int, err error) { d.Reply(v, err) })
	}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := core.Ask(b.Context(), worker, &double{N: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDirectoryGet(b *testing.B) {
	var d core.Directory[string, *script]
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = "container-" + strconv.Itoa(i)
		d.Put(keys[i], &script{})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := d.Get(keys[i%len(keys)]); !ok {
			b.Fatal("missing")
		}
		i++
	}
}

// live is the heap after a collection, in bytes.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkIdleActor reports what 10,000 actors hold that have each answered once.
func BenchmarkIdleActor(b *testing.B) {
	const n = 10000
	for _, children := range []bool{false, true} {
		b.Run(fmt.Sprintf("children=%t", children), func(b *testing.B) {
			for b.Loop() {
				s := core.NewSystem(zap.NewNop())
				names := make([]string, n)
				for i := range names {
					names[i] = strconv.Itoa(i)
				}
				refs := make([]core.Ref, n)
				before := live()
				spawn(b, s, children, names, refs)
				for _, r := range refs {
					if _, err := core.Ask(b.Context(), r, &double{N: 1}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(live()-before)/n, "B/actor")
				if err := s.Stop(b.Context()); err != nil {
					b.Fatal(err)
				}
				runtime.KeepAlive(names)
				runtime.KeepAlive(refs)
			}
		})
	}
}

func spawn(b *testing.B, s *core.System, children bool, names []string, refs []core.Ref) {
	b.Helper()
	var err error
	if !children {
		for i, name := range names {
			if refs[i], err = s.Spawn(name, echo{}); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	parent, err := s.Spawn("parent", &script{receive: func(t *core.Turn, m core.Message) {
		for i, name := range names {
			if refs[i], err = t.Spawn(name, echo{}); err != nil {
				b.Error(err)
			}
		}
		m.(*double).Reply(0, nil)
	}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := core.Ask(b.Context(), parent, &double{}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEmptySystem reports what a System without actors holds.
func BenchmarkEmptySystem(b *testing.B) {
	for b.Loop() {
		before := live()
		s := core.NewSystem(zap.NewNop())
		b.ReportMetric(float64(live()-before)/1024, "KiB/system")
		if err := s.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
