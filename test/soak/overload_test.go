// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// first is the stream id of the calls that a test makes beside the many.
const first = 1 << 20

func sum(counts map[codes.Code]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestManyPendingCalls has ten thousand starts wait on one connection for a container that is not made
// before its hook ends. As many as there is room for wait, the others are refused and say so; a Check and a
// signal on the same connection are answered meanwhile; in the end all others are.
func TestManyPendingCalls(t *testing.T) {
	const calls, room = 10_000, 512 + 8192
	a, root := pod(t, harness.Options{})
	spec := a.Spec("slow", root, "true")
	fifo := t.TempDir() + "/release"
	spec.Hooks = &protocols.Hooks{Prestart: []*protocols.Hook{{
		Path: "/bin/sh", Args: []string{"sh", "-c", "while [ ! -e " + fifo + " ]; do sleep 0.1; done"}, Env: []string{"PATH=/bin:/usr/bin"},
	}}}
	r := a.Raw(t)
	r.Request(harness.Call{Stream: first + 1, Method: "CreateContainer", Request: &protocols.CreateContainerRequest{ContainerId: "slow", OCI: spec}})
	guard.Until(t, "the container is known", func() bool {
		err := a.Do(harness.Context(t), "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "slow"})
		return err != nil && strings.Contains(err.Error(), "it is creating")
	})
	for i := range uint32(calls) {
		r.Request(harness.Call{Stream: 2*i + 1, Method: "StartContainer", Request: &protocols.StartContainerRequest{ContainerId: "slow"}})
	}
	got := map[codes.Code]int{}
	r.Request(harness.Call{Stream: first + 3, Service: "grpc.Health", Method: "Check"})
	r.Request(harness.Call{Stream: first + 5, Method: "SignalProcess", Request: &protocols.SignalProcessRequest{ContainerId: "c1"}})
	for beside := 0; beside < 2; {
		x := r.Answer()
		if x.Stream < first {
			got[codes.Code(x.Code)]++
			continue
		}
		if beside++; x.Code != 0 {
			t.Errorf("beside the many: code %d, %s", x.Code, x.Text)
		}
	}
	a.Command(t, "/bin/busybox", "touch", fifo)
	for left := calls + 1 - sum(got); left > 0; left-- {
		x := r.Answer()
		if x.Stream < first {
			got[codes.Code(x.Code)]++
		} else if x.Code != 0 {
			t.Errorf("create: %s", x.Text)
		}
	}
	t.Logf("answers: %v", got)
	if refused := got[codes.ResourceExhausted]; refused < calls-room-1 || refused > calls-room+1 {
		t.Errorf("%d of %d calls refused, want those beyond %d", refused, calls, room)
	}
	if got[codes.OK] != 1 {
		t.Errorf("%d starts have started it, want 1", got[codes.OK])
	}
}

// TestManyConnections has more connections than there may be. Those that were first are served.
func TestManyConnections(t *testing.T) {
	const connections, room = 10_000, 4096
	a, _ := pod(t, harness.Options{})
	before := measure(t, a.Pid)
	var all []net.Conn
	for range connections {
		guard.Until(t, "a place among those that are not accepted yet", func() bool {
			c, err := net.Dial("unix", strings.TrimPrefix(a.Address, "unix://"))
			if err == nil {
				all = append(all, c)
			}
			return err == nil
		})
	}
	if err := a.Check(harness.Context(t)); err != nil {
		t.Errorf("on the first of them: %v", err)
	}
	var now usage
	if !guard.Holds(func() bool { now = measure(t, a.Pid); return now.descriptors < before.descriptors+room+16 }) {
		t.Errorf("%d descriptors for connections, want at most %d", now.descriptors-before.descriptors, room)
	}
	for _, c := range all {
		c.Close()
	}
	guard.Until(t, "there is room again", func() bool {
		c, err := harness.Dial(a.Address)
		if err != nil {
			return false
		}
		defer c.Close()
		return c.Check(harness.Context(t)) == nil
	})
}

// TestManyCreates has hundreds of creates at once, of a program that is not there. Each is answered with
// that, and a Check and a session are meanwhile.
func TestManyCreates(t *testing.T) {
	const creates = 300
	a, root := pod(t, harness.Options{})
	r := a.Raw(t)
	r.Request(harness.Call{Stream: first + 1, Service: "grpc.Health", Method: "Check"})
	r.Answer()
	before := a.State()
	for i := range uint32(creates) {
		cid := fmt.Sprint("many", i)
		r.Request(harness.Call{Stream: 2*i + 1, Method: "CreateContainer", Request: &protocols.CreateContainerRequest{
			ContainerId: cid, OCI: a.Spec(cid, root, "/not-there"),
		}})
	}
	for i := range 20 {
		if err := a.Check(harness.Context(t)); err != nil {
			t.Error(err)
		}
		if out, status, err := a.Run(harness.Context(t), "c1", fmt.Sprint("beside", i), "echo", "hi"); out != "hi\n" || status != 0 || err != nil {
			t.Errorf("a session beside the creates: %q, %d, %v", out, status, err)
		}
	}
	for range creates {
		if x := r.Answer(); !strings.Contains(x.Text, "/not-there was not found") {
			t.Errorf("create: code %d, %q", x.Code, x.Text)
		}
	}
	a.NothingLeft(t, before)
}
