// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
)

const stressGuard = 60 * time.Second

// mortal keeps, parks, passes on and answers requests at random, and dies at
// random, by Stop or by panic.
func mortal(next core.Ref) *script {
	var kept []*double
	return &script{receive: func(t *core.Turn, m core.Message) {
		d, ok := m.(*double)
		if !ok {
			return
		}
		switch n := rand.IntN(40); {
		case n == 0:
			t.Stop(nil)
		case n == 1:
			panic("boom")
		case n < 8:
			kept = append(kept, d)
		case n < 12:
			t.Park()
		case n < 14:
			t.Unpark()
			d.Reply(0, nil)
		case n < 20:
			core.Go(t, func(context.Context) (int, error) { runtime.Gosched(); return 2 * d.N, nil },
				func(_ *core.Turn, v int, err error) { d.Reply(v, err) })
		case n < 24:
			next.Tell(d)
		case n < 26:
			for _, k := range kept {
				next.Tell(k)
			}
			kept = nil
			next.Tell(d)
		default:
			d.Reply(2*d.N, nil)
		}
	}}
}

// TestNoRequestIsLostInADeath asks actors that die all the time. Each call must
// be answered once. The ones still kept when the load ends are answered by the
// stop of the system.
func TestNoRequestIsLostInADeath(t *testing.T) {
	before := runtime.NumGoroutine()
	sys := core.NewSystem(zap.NewNop())
	var current [4]atomic.Pointer[core.Ref]
	var mu sync.Mutex // of the respawns
	target := func(i int) core.Ref {
		if r := current[i].Load(); r != nil {
			select {
			case <-r.Done():
			default:
				return *r
			}
		}
		mu.Lock()
		defer mu.Unlock()
		var next core.Ref
		if n := current[(i+1)%len(current)].Load(); n != nil {
			next = *n
		}
		ref, err := sys.Spawn(string(rune('a'+i)), mortal(next))
		if errors.Is(err, core.ErrNameTaken) {
			return *current[i].Load()
		}
		if err != nil {
			t.Error(err)
		}
		current[i].Store(&ref)
		return ref
	}
	const askers, calls = 8, 2000
	var asked, answered, canceled atomic.Int64
	var wg sync.WaitGroup
	for range askers {
		wg.Go(func() {
			for range calls {
				asked.Add(1)
				req := &double{N: 1}
				var times atomic.Int32
				cancel := core.AskFunc(target(rand.IntN(len(current))), req, func(int, error) {
					if times.Add(1) != 1 {
						t.Error("answered twice")
					}
					answered.Add(1)
				})
				if rand.IntN(10) == 0 && cancel() {
					canceled.Add(1)
				}
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), stressGuard)
	defer cancel()
	if err := sys.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if a, w := answered.Load(), canceled.Load(); a+w != asked.Load() {
		t.Errorf("%d asked, %d answered, %d canceled: %d lost", asked.Load(), a, w, asked.Load()-a-w)
	}
	awaitGoroutines(t, before)
}

// TestAskNeverHangsInADeath is the same with Ask, where a lost reply is a hang.
func TestAskNeverHangsInADeath(t *testing.T) {
	before := runtime.NumGoroutine()
	sys := core.NewSystem(zap.NewNop())
	ctx, cancel := context.WithTimeout(context.Background(), stressGuard)
	defer cancel()
	for round := range 300 {
		ref, err := sys.Spawn("a", &script{receive: func(tn *core.Turn, m core.Message) {
			if d := m.(*double); d.N == 3 && round%2 == 0 {
				tn.Stop(nil)
			} else if d.N == 3 {
				panic("boom")
			} else if d.N%2 == 0 {
				d.Reply(0, nil)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				if _, err := core.Ask(ctx, ref, &double{N: n}); err != nil && !errors.Is(err, core.ErrStopped) {
					t.Errorf("ask: %v", err)
				}
			})
		}
		wg.Wait()
		<-ref.Done()
	}
	if err := sys.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	awaitGoroutines(t, before)
}

// awaitGoroutines waits until no more run than before.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(stressGuard)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}

func TestManySpawnsAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	sys := core.NewSystem(zap.NewNop())
	ctx, cancel := context.WithTimeout(context.Background(), stressGuard)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			parent, err := sys.Spawn(string(rune('a'+i)), &script{receive: func(tn *core.Turn, m core.Message) {
				d := m.(*double)
				ref, err := tn.Spawn(string(rune('a'+d.N%26))+string(rune('a'+d.N/26)), echo{})
				if err != nil {
					d.Reply(0, err)
					return
				}
				ref.Tell(d) // answered by the child
			}})
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 200 {
				if v, err := core.Ask(ctx, parent, &double{N: n}); v != 2*n || err != nil {
					t.Errorf("child %d: %d, %v", n, v, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(sys.Tree()); n != 8*201 {
		t.Errorf("%d actors", n)
	}
	if err := sys.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	awaitGoroutines(t, before)
}
