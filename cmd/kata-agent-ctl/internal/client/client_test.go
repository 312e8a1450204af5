// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/address"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/agenttest"
	"github.com/kata-containers/kata-agent/protocols"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestLookUp(t *testing.T) {
	for name, service := range map[string]string{
		"Check": protocols.HealthService, "check": protocols.HealthService, "grpc.Health/Check": protocols.HealthService,
		"grpc.Health.Version": protocols.HealthService, "GETIPTABLES": protocols.AgentService,
		"/grpc.AgentService/CopyFile": protocols.AgentService,
	} {
		m, err := LookUp(name)
		if err != nil || m.Service != service {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	for _, name := range []string{"", "Nope", "grpc.AgentService/Check", "PullImage"} {
		if m, err := LookUp(name); err == nil {
			t.Errorf("%q is %s", name, m.Method)
		}
	}
}

// TestCallEveryMethod makes every call and looks whether the agent gets it.
func TestCallEveryMethod(t *testing.T) {
	s := agenttest.Start(t)
	c, err := Dial(context.Background(), address.Address{Path: s.Path}, Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, m := range Methods() {
		if _, err := c.Call(context.Background(), m, m.NewRequest()); err != nil {
			t.Error(err)
		}
		if got := s.Calls()[i]; got.Method != m.Method || !got.Deadline {
			t.Errorf("call %d is %+v, not %s", i, got, m.Method)
		}
	}
}

func TestErrorHasCodeAndText(t *testing.T) {
	s := agenttest.Start(t)
	s.Handle("StartContainer", func(context.Context, protocols.Message, protocols.Message) error {
		return status.Error(codes.NotFound, "no container x")
	})
	c, err := Dial(context.Background(), address.Address{Path: s.Path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Do(context.Background(), "StartContainer", &protocols.StartContainerRequest{})
	var e *Error
	ok := errors.As(err, &e)
	if !ok || e.Code() != codes.NotFound || e.Error() != "StartContainer: NotFound: no container x" {
		t.Errorf("%#v: %v, want %v with the method and the text", err, err, codes.NotFound)
	}
	c.Close()
	err = c.Do(context.Background(), "StartContainer", &protocols.StartContainerRequest{})
	if err == nil || err.Error() != "StartContainer: the agent has closed the connection" {
		t.Errorf("got %v, want the error %q", err, "StartContainer: the agent has closed the connection")
	}
}
