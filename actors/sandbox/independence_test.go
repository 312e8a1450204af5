// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/guest/device"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.uber.org/zap"
)

// Virtual time: a container is one that waits for its devices, so long as its test says,
// and then fails; nothing real is made. Whatever waits for something it must not wait for
// shows as time that passes.

var errNoDevice = errors.New("no such device")

// inVirtualTime runs a sandbox in which the devices of the container "slow" come never,
// and those of others fail at once.
func inVirtualTime(t *testing.T, test func(t *testing.T, ref core.Ref, containers *Containers)) {
	synctest.Test(t, func(t *testing.T) {
		system := core.NewSystem(zap.NewNop())
		containers := &Containers{}
		ref, err := system.Spawn("sandbox", New(Options{
			Guest: Guest{
				LoadModule:   func(ctx context.Context, _ string, _ []string) error { <-ctx.Done(); return ctx.Err() },
				OnlineCPUs:   func(context.Context, int) error { return nil },
				OnlineMemory: func() error { return nil },
			},
			Container: &container.Options{
				Containers: containers,
				Warn:       func(error) {},
				Devices: func(ctx context.Context, spec *specs.Spec, _ []device.Request) (device.PCIMap, error) {
					if spec.Hostname != "slow" {
						return nil, errNoDevice
					}
					<-ctx.Done()
					return nil, ctx.Err()
				},
			},
			Containers: containers,
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := system.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		test(t, ref, containers)
	})
}

// creating asks for a container, whose name decides how long its devices take.
func creating(ctx context.Context, ref core.Ref, cid string) chan error {
	done := make(chan error, 1)
	go func() {
		m := &CreateContainer{}
		m.ID, m.Spec = id.Container(cid), &specs.Spec{Hostname: cid}
		_, err := core.Ask(ctx, ref, m)
		done <- err
	}()
	synctest.Wait()
	return done
}

// atOnceIn fails if fn lets time pass.
func atOnceIn(t *testing.T, what string, fn func()) {
	t.Helper()
	start := time.Now()
	fn()
	if d := time.Since(start); d > 0 {
		t.Errorf("%s has waited %s", what, d)
	}
}

func TestCreateThatHangsIsAlone(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, ref core.Ref, containers *Containers) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		slow := creating(ctx, ref, "slow")

		atOnceIn(t, "another create", func() {
			if err := <-creating(t.Context(), ref, "quick"); !errors.Is(err, errNoDevice) {
				t.Errorf("got %v, want %v", err, errNoDevice)
			}
		})
		atOnceIn(t, "an OOM kill", func() {
			ref.Tell(container.OOMKilled{ID: "other"})
			if got, err := core.Ask(t.Context(), ref, &NextOOM{}); err != nil || got != "other" {
				t.Errorf("%q, %v, want %q", got, err, "other")
			}
		})
		atOnceIn(t, "the onlining of CPUs", func() {
			for _, m := range []*Online{{CPUs: 2}, {CPUs: 2, Wait: true}, {Memory: true}} {
				if _, err := core.Ask(t.Context(), ref, m); err != nil {
					t.Error(err)
				}
			}
		})
		itself, _ := containers.Get("slow")
		atOnceIn(t, "the container itself", func() {
			if _, err := core.Ask(t.Context(), itself, &container.Stats{}); !errors.Is(err, container.ErrState) {
				t.Errorf("got %v, want %v", err, container.ErrState)
			}
			if _, err := core.Ask(t.Context(), itself, &container.KillAll{}); !errors.Is(err, container.ErrState) {
				t.Errorf("got %v, want %v", err, container.ErrState)
			}
		})
		if err := <-slow; !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Errorf("the create has ended after %s: %v, want %v", time.Since(start), err, context.DeadlineExceeded)
		}
	})
}

func TestCreateThatHangsIsRemovedAtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, ref core.Ref, containers *Containers) {
		slow := creating(t.Context(), ref, "slow")
		itself, _ := containers.Get("slow")
		atOnceIn(t, "the removal", func() {
			if _, err := core.Ask(t.Context(), itself, &container.Remove{}); err != nil {
				t.Error(err)
			}
		})
		if err := <-slow; !errors.Is(err, container.ErrGivenUp) {
			t.Errorf("got %v, want %v", err, container.ErrGivenUp)
		}
		ctx, cancel := context.WithCancel(t.Context())
		again := creating(ctx, ref, "slow") // the name is free
		select {
		case err := <-again:
			t.Errorf("refused: %v", err)
		default:
		}
		cancel()
		<-again
	})
}

// TestSandboxThatHangsIsAlone: a module that does not load holds up no container.
func TestSandboxThatHangsIsAlone(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, ref core.Ref, _ *Containers) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := core.Ask(ctx, ref, &Create{ID: "pod", Modules: []Module{{Name: "m"}}})
			done <- err
		}()
		synctest.Wait()
		atOnceIn(t, "a container", func() {
			if err := <-creating(t.Context(), ref, "quick"); !errors.Is(err, errNoDevice) {
				t.Errorf("got %v, want %v", err, errNoDevice)
			}
		})
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}
