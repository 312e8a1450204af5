// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// atOnce runs fn n times at the same time and counts the codes of their errors.
func atOnce(n int, fn func(i int) error) map[codes.Code]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[codes.Code]int{}
	for i := range n {
		wg.Go(func() {
			err := fn(i)
			mu.Lock()
			defer mu.Unlock()
			got[status.Code(err)]++
		})
	}
	wg.Wait()
	return got
}

// TestOneOfManyWins when several ask for the same at a time.
func TestOneOfManyWins(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	const n = 8
	want := func(what string, got map[codes.Code]int, other codes.Code) {
		t.Helper()
		if got[codes.OK] != 1 || got[other] != n-1 {
			t.Errorf("%s: %v, want one success and %s for the others", what, got, other)
		}
	}
	for range 3 {
		want("create", atOnce(n, func(int) error {
			return p.Create(p.Ctx, "c1", p.Spec("c1", p.Rootfs, "sleep", "10000"))
		}), codes.AlreadyExists)
		want("start", atOnce(n, func(int) error { return p.StartContainer(p.Ctx, "c1") }), codes.FailedPrecondition)
		want("exec", atOnce(n, func(int) error {
			return p.Exec(p.Ctx, "c1", "e", harness.Process("sleep", "10000"))
		}), codes.Internal)
		want("pause", atOnce(n, func(int) error { return p.Pause("c1") }), codes.FailedPrecondition)
		want("resume", atOnce(n, func(int) error { return p.Resume("c1") }), codes.FailedPrecondition)
		got := atOnce(n, func(int) error { return p.Remove(p.Ctx, "c1") })
		if got[codes.OK] == 0 || got[codes.OK]+got[codes.Internal] != n {
			t.Errorf("remove: %v", got)
		}
		want("sandbox", atOnce(n, func(i int) error {
			if i == 0 {
				return nil // it has been created
			}
			return p.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{SandboxId: "pod-id"})
		}), codes.AlreadyExists)
	}
	p.NothingLeft(t, before)
}

// TestAnythingAtAnyTime sends requests about a few containers in no order. Each must have
// an answer, and in the end nothing may be left.
func TestAnythingAtAnyTime(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	const clients, requests = 8, 150
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for n := range requests {
				cid, exec := fmt.Sprintf("any-%d", r.IntN(3)), fmt.Sprintf("e%d", r.IntN(4))
				var err error
				switch r.IntN(14) {
				case 0, 1:
					err = p.Create(p.Ctx, cid, p.Spec(cid, p.Rootfs, "sleep", "10000"))
				case 2, 3:
					err = p.StartContainer(p.Ctx, cid)
				case 4:
					err = p.Remove(p.Ctx, cid)
				case 5, 6:
					err = p.Exec(p.Ctx, cid, exec, harness.Process("sh", "-c", "echo x; cat"))
				case 7:
					err = p.Signal(p.Ctx, cid, exec, 9)
				case 8:
					err = p.Signal(p.Ctx, cid, "", 9)
				case 9:
					if err = p.Pause(cid); err == nil {
						err = p.Resume(cid)
					}
				case 10:
					_, err = p.WriteStdin(p.Ctx, cid, exec, []byte("data"))
				case 11:
					_, err = p.ReadStdout(p.Ctx, cid, exec, 1) // ends with the process at the latest
					_ = p.Signal(p.Ctx, cid, exec, 9)
				case 12:
					err = p.Call(p.Ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: cid}, &protocols.StatsContainerResponse{})
				case 13:
					err = p.Do(p.Ctx, "UpdateContainer", &protocols.UpdateContainerRequest{
						ContainerId: cid, Resources: &protocols.LinuxResources{CPU: &protocols.LinuxCPU{Shares: uint64(2 + n)}},
					})
				}
				if p.Ctx.Err() != nil {
					t.Errorf("request %d of client %d has no answer", n, i)
					return
				}
				_ = err // any answer will do
			}
		})
	}
	// Reads wait for their process: somebody has to end those that nobody kills.
	stop := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = p.Signal(p.Ctx, fmt.Sprintf("any-%d", n%3), fmt.Sprintf("e%d", n%4), 9)
			}
		}
	}()
	wg.Wait()
	close(stop)
	for i := range 3 {
		_ = p.Remove(p.Ctx, fmt.Sprintf("any-%d", i))
	}
	p.Must(p.Check(p.Ctx))
	p.NothingLeft(t, before)
}
