// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/components"
	"go.uber.org/zap"
)

const limit = 6 * time.Second

// guest has made-up components: what was started when, and how it can be made to go on.
type guest struct {
	t      *testing.T
	system *core.System
	ref    core.Ref
	begin  time.Time

	mu      sync.Mutex
	starts  []string // "attestation-agent 0s"
	refuse  map[string]error
	exits   map[string]chan int  // ends the process with that status
	sockets map[string]chan bool // the socket comes
	ended   []string             // those that were told to end
}

// play runs a test in a bubble, with a guest that has three components.
func play(t *testing.T, test func(t *testing.T, g *guest)) {
	synctest.Test(t, func(t *testing.T) {
		g := &guest{
			t: t, system: core.NewSystem(zap.NewNop()), begin: time.Now(), refuse: map[string]error{},
			exits: map[string]chan int{}, sockets: map[string]chan bool{},
		}
		var all []components.Process
		for _, id := range []string{"aa", "cdh", "rest"} {
			p := components.Process{ID: id}
			if id != "rest" {
				p.Socket, p.Timeout = "/"+id, limit
			}
			g.exits[id], g.sockets["/"+id] = make(chan int), make(chan bool)
			all = append(all, p)
		}
		var err error
		g.ref, err = g.system.Spawn("components", New(Options{Processes: all, Start: g.start, Await: g.await, Print: func(string, string) {}}))
		if err != nil {
			t.Fatal(err)
		}
		test(t, g)
		if err := g.system.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

type process struct {
	*guest
	id string
}

func (p process) PID() int { return 1 }

func (p process) Wait(ctx context.Context) (components.Exit, error) {
	select {
	case status := <-p.exits[p.id]:
		return components.Exit{Code: status}, nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = append(p.ended, p.id)
		return components.Exit{Code: 143}, nil
	}
}

func (g *guest) start(p components.Process, _ func(string)) (Running, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.starts = append(g.starts, fmt.Sprint(p.ID, " ", time.Since(g.begin)))
	return process{g, p.ID}, g.refuse[p.ID]
}

func (g *guest) await(ctx context.Context, path string) error {
	select {
	case <-g.sockets[path]:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// launch asks for the launch; the error comes when it is over.
func (g *guest) launch() <-chan error {
	over := make(chan error, 1)
	go func() {
		_, err := core.Ask(context.Background(), g.ref, &Launch{})
		over <- err
	}()
	return over
}

// launched does all of it.
func (g *guest) launched() {
	over := g.launch()
	g.sockets["/aa"] <- true
	g.sockets["/cdh"] <- true
	if err := <-over; err != nil {
		g.t.Fatalf("launch: %v", err)
	}
	synctest.Wait()
	g.take()
}

// take returns what was started since the last call.
func (g *guest) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	starts := g.starts
	g.starts = nil
	return starts
}

func (g *guest) wantStarts(when string, want ...string) {
	g.t.Helper()
	synctest.Wait()
	if got := g.take(); !slices.Equal(got, want) {
		g.t.Errorf("%s: started %q, want %q", when, got, want)
	}
}

// TestOrder: each component is started when the socket of the one before it is there, and the launch is
// over when the last one runs.
func TestOrder(t *testing.T) {
	play(t, func(t *testing.T, g *guest) {
		over := g.launch()
		g.wantStarts("at first", "aa 0s")
		time.Sleep(time.Second)
		g.wantStarts("a second later")
		g.sockets["/aa"] <- true
		g.wantStarts("after the first socket", "cdh 1s")
		select {
		case err := <-over:
			t.Errorf("over too early: %v", err)
		default:
		}
		g.sockets["/cdh"] <- true
		if err := <-over; err != nil {
			t.Errorf("launch: %v", err)
		}
		g.wantStarts("after the second socket", "rest 1s")
	})
}

// TestStartedAgain: after ever longer pauses while it goes on ending, and after a short one when it has
// been ready for a while.
func TestStartedAgain(t *testing.T) {
	play(t, func(t *testing.T, g *guest) {
		g.launched()
		var pauses []string
		for range 11 {
			end := time.Now()
			g.exits["cdh"] <- 1
			g.sockets["/cdh"] <- true // awaited once it runs again
			pauses = append(pauses, time.Since(end).String())
		}
		want := "100ms 200ms 400ms 800ms 1.6s 3.2s 6.4s 12.8s 25.6s 30s 30s"
		if got := strings.Join(pauses, " "); got != want {
			t.Errorf("pauses %s, want %s", got, want)
		}
		time.Sleep(2 * steady)
		end := time.Now()
		g.exits["cdh"] <- 1
		g.sockets["/cdh"] <- true
		if pause := time.Since(end); pause != shortest {
			t.Errorf("after a steady time: %v, want %v", pause, shortest)
		}
		synctest.Wait()
		for _, start := range g.take() {
			if !strings.HasPrefix(start, "cdh") {
				t.Errorf("started %s, want that the others are left alone", start)
			}
		}
	})
}

// TestWithoutSocket: a component that never makes its socket ends the launch.
func TestWithoutSocket(t *testing.T) {
	play(t, func(t *testing.T, g *guest) {
		over := g.launch()
		g.sockets["/aa"] <- true
		g.exits["cdh"] <- 7
		err := <-over
		const known = "cdh: wait for /cdh to exist timeout."
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), known) || !strings.Contains(err.Error(), "status 7") {
			t.Errorf("launch: %v, want %q, and how it has ended", err, known)
		}
		g.wantStarts("until then", "aa 0s", "cdh 0s", "cdh 100ms")
		if past := time.Since(g.begin); past != limit {
			t.Errorf("it took %v, want the limit of the first start, %v", past, limit)
		}
	})
}

// TestCannotBeStarted: nobody waits for the socket of a program that does not run.
func TestCannotBeStarted(t *testing.T) {
	play(t, func(t *testing.T, g *guest) {
		g.refuse["cdh"] = fs.ErrPermission
		over := g.launch()
		g.sockets["/aa"] <- true
		if err := <-over; !errors.Is(err, fs.ErrPermission) || time.Since(g.begin) != 0 {
			t.Errorf("launch: %v after %v, want %v at once", err, time.Since(g.begin), fs.ErrPermission)
		}
		g.wantStarts("afterwards", "aa 0s", "cdh 0s")
	})
}

// TestEndsDuringTheLaunch: one that ends early has until its limit to become ready.
func TestEndsDuringTheLaunch(t *testing.T) {
	play(t, func(t *testing.T, g *guest) {
		over := g.launch()
		for range 2 {
			g.exits["aa"] <- 1
			synctest.Wait() // nobody waits for the socket of the one that has ended
		}
		g.sockets["/aa"] <- true
		g.sockets["/cdh"] <- true
		if err := <-over; err != nil {
			t.Errorf("launch: %v, want success", err)
		}
		g.wantStarts("all in all", "aa 0s", "aa 100ms", "aa 300ms", "cdh 300ms", "rest 300ms")
		time.Sleep(2 * limit) // no limit of the launch is left
		g.wantStarts("later")
	})
}

// TestHangsWhenStartedAgain: one that runs and does not make its socket is ended, and started again. So is
// one that could not be started.
func TestHangsWhenStartedAgain(t *testing.T) {
	play(t, func(t *testing.T, g *guest) {
		g.launched()
		g.exits["aa"] <- 1
		time.Sleep(shortest + limit)
		synctest.Wait()
		g.mu.Lock()
		if !slices.Equal(g.ended, []string{"aa"}) {
			t.Errorf("told to end: %q, want the one that hangs", g.ended)
		}
		g.refuse["aa"] = fs.ErrNotExist
		g.mu.Unlock()
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		g.mu.Lock()
		delete(g.refuse, "aa")
		g.mu.Unlock()
		g.sockets["/aa"] <- true
		g.wantStarts("all in all", "aa 100ms", "aa 6.3s", "aa 6.7s")
	})
}

// TestStop: the components end with the agent.
func TestStop(t *testing.T) {
	play(t, func(t *testing.T, g *guest) {
		g.launched()
		if err := g.system.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		slices.Sort(g.ended)
		if want := []string{"aa", "cdh", "rest"}; !slices.Equal(g.ended, want) {
			t.Errorf("told to end: %q, want %q", g.ended, want)
		}
	})
}
