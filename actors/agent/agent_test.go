// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/memagent"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// TestFailingStartSaysWhy: a start that fails gives its reason and no panic, whichever step
// it is that fails, and keeps no descriptor.
func TestFailingStartSaysWhy(t *testing.T) {
	p := Options{Log: zap.NewNop()}
	t.Run("an actor's name is taken", func(t *testing.T) {
		system := core.NewSystem(p.Log)
		defer system.Stop(t.Context())
		if _, err := system.Spawn("storage", idle{}); err != nil {
			t.Fatal(err)
		}
		a, err := Start(system, p)
		if a != nil || err == nil || !strings.Contains(err.Error(), "storage") {
			t.Errorf("start: %v, %v, want an error that names the actor", a, err)
		}
	})
	t.Run("no descriptor for the first step", func(t *testing.T) {
		system := core.NewSystem(p.Log)
		defer system.Stop(t.Context())
		// Go's own poller takes its descriptors with the first one of these.
		if poller, err := stdio.NewPoller(); err != nil {
			t.Fatal(err)
		} else {
			poller.Close()
		}
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		none := unix.Rlimit{Cur: 3, Max: limit.Max}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
			t.Fatal(err)
		}
		a, err := Start(system, p)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if a != nil || err == nil || !strings.Contains(err.Error(), "stream poller") {
			t.Errorf("start: %v, %v, want an error that names the poller", a, err)
		}
	})
}

// idle is an actor that does nothing.
type idle struct{}

func (idle) Receive(*core.Turn, core.Message) {}
func (idle) Stopped(error)                    {}

// TestMemAgentOff: a memory agent that is off is nobody, and so has no timer and no goroutine.
func TestMemAgentOff(t *testing.T) {
	system := core.NewSystem(zap.NewNop())
	defer system.Stop(t.Context())
	ref, err := startMemAgent(system, nil)
	if err != nil || ref != (core.Ref{}) || len(system.Tree()) != 0 {
		t.Errorf("off: %v, %v, actors %v, want nobody", ref, err, system.Tree())
	}
	off := &MemAgent{Memcg: memagent.Memcg{Disabled: true}, Compact: memagent.Compact{Disabled: true}}
	if ref, err = startMemAgent(system, off); err != nil || ref.Path() != "memagent" {
		t.Errorf("on: %q, %v, want an actor", ref.Path(), err)
	}
}

// TestNoComponents: a guest without components has no actor for them, and nothing to launch.
func TestNoComponents(t *testing.T) {
	system := core.NewSystem(zap.NewNop())
	defer system.Stop(t.Context())
	ref, err := startComponents(system, Options{Log: zap.NewNop()})
	if err != nil || ref != (core.Ref{}) || len(system.Tree()) != 0 {
		t.Errorf("none: %v, %v, actors %v, want nobody", ref, err, system.Tree())
	}
	if err := (&Agent{}).LaunchComponents(t.Context()); err != nil {
		t.Errorf("launch of none: %v, want success", err)
	}
}
