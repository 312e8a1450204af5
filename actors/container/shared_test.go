// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/guest/container/sharedmount"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestInitProcessWaitsForTheCreate: who shares a mount with a container that is being made waits.
func TestInitProcessWaitsForTheCreate(t *testing.T) {
	s := newFixture(t)
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{}})
	wanted := coretest.Ask(s.Actor, &Init{})
	if wanted.Done() {
		t.Fatal("answered while the create is under way")
	}
	s.Work(0).Complete(s.made(), nil)
	s.ok(r)
	if _, err := wanted.Get(); err != nil {
		t.Errorf("got %v, want the process", err)
	}
	s.initExits()
	if _, err := coretest.Ask(s.Actor, &Init{}).Get(); !errors.Is(err, sharedmount.ErrSource) {
		t.Errorf("of a stopped container: %v, want %v", err, sharedmount.ErrSource)
	}
}

func TestInitProcessOfACreateThatFails(t *testing.T) {
	s := newFixture(t)
	s.ask(&Create{ID: "c1", Spec: &specs.Spec{}})
	wanted := coretest.Ask(s.Actor, &Init{})
	s.Work(0).Complete((*made)(nil), errors.New("broken"))
	if _, err := wanted.Get(); err == nil {
		t.Error("a container that never stood has given its process")
	}
}

// TestCreateThatFailsLateReapsInit: a step after the one that has made init may fail.
func TestCreateThatFailsLateReapsInit(t *testing.T) {
	s := newFixture(t)
	m := s.made()
	fd, err := pidfd.Open(m.init.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	guard.Until(t, "init has ended", func() bool {
		poll := []unix.PollFd{{Fd: int32(fd.Fd()), Events: unix.POLLIN}}
		n, _ := unix.Poll(poll, 0)
		return n == 1
	})
}

func TestSharedMountWithoutASource(t *testing.T) {
	c := &container{options: &Options{}}
	err := c.share(t.Context(), []SharedMount{{Mount: sharedmount.Mount{Name: "m", Source: "x"}}}, nil, "")
	if !errors.Is(err, sharedmount.ErrSource) {
		t.Errorf("got %v, want %v", err, sharedmount.ErrSource)
	}
}

func TestName(t *testing.T) {
	for key, want := range map[string]string{
		"io.kubernetes.cri.container-name": "n", "io.kubernetes.cri-o.ContainerName": "n", "io.kubernetes.container.name": "",
	} {
		if got := Name(&specs.Spec{Annotations: map[string]string{key: "n"}}); got != want {
			t.Errorf("%s: name %q, want %q", key, got, want)
		}
	}
}
