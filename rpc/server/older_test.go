// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/test/guard"
)

// TestCloseOlder: the connections of a host that is gone are closed when the next one arrives, before
// it is served; what waits on them is canceled and takes nothing more. A young one may be the new
// host's, and stays.
func TestCloseOlder(t *testing.T) {
	canceled := make(chan struct{}, 1)
	waits := make(chan struct{}, 1)
	wait := Async(protocols.AgentService, "ReadStdout", func(c *frame.Call, _ *protocols.ReadStreamRequest) {
		c.OnCancel(func() bool { canceled <- struct{}{}; return true })
		waits <- struct{}{}
	})
	var restored atomic.Bool
	var s *Server
	s, path := start(t, Options{Methods: []Method{checkMethod, wait}, Arriving: func() {
		if restored.Swap(false) {
			s.CloseOlder(0)
		}
	}})
	old := dial(t, path)
	ended := make(chan error, 1)
	go func() { ended <- callAgent(old, "ReadStdout", &protocols.ReadStreamRequest{}) }()
	guard.Receive(t, "the call that waits", waits)

	if closed, asked := s.CloseOlder(time.Hour); closed != 0 || asked != 1 {
		t.Errorf("a young connection: %d closed, %d asked, want 0 and 1", closed, asked)
	}
	ping(t, old)
	restored.Store(true)
	young := dial(t, path)
	ping(t, young)
	guard.Receive(t, "the cancellation of the call that waits", canceled)
	if err := guard.Receive(t, "the end of the old connection", ended); err == nil {
		t.Error("the call on the old connection was answered")
	}
	if err := call(context.Background(), young, protocols.HealthService, "Check", &protocols.CheckRequest{}, &protocols.HealthCheckResponse{}); err != nil {
		t.Errorf("the new connection: %v", err)
	}
}

// TestProbe leaves a live peer alone, on a socket that has nothing to ask with too.
func TestProbe(t *testing.T) {
	s, path := start(t, Options{Methods: []Method{checkMethod}})
	c := dial(t, path)
	ping(t, c)
	s.Probe()
	ping(t, c)
}
