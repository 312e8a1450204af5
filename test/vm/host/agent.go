// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/containerd/ttrpc"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

const (
	// agentPort is the vsock port every host dials.
	agentPort = 1024
	// callLimit is the hang guard of one call, generous for emulation.
	callLimit = 2 * time.Minute
)

// Agent is a host's connection to the agent.
type Agent struct {
	// VM is where the agent runs.
	VM     *lab.VM
	client *ttrpc.Client
}

// Connect dials until the agent listens and checks its health, as a host does
// before anything else. The connection ends with t.
func Connect(t testing.TB, vm *lab.VM) *Agent {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	defer cancel()
	conn, err := vm.DialWhenUp(ctx, agentPort)
	if err != nil {
		t.Fatalf("agent does not listen: %v", err)
	}
	a := &Agent{VM: vm, client: ttrpc.NewClient(conn)}
	t.Cleanup(func() { a.client.Close() })
	a.Check(t)
	return a
}

// Check asks for the agent's health.
func (a *Agent) Check(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	check, err := a.try(ctx, protocols.HealthService, "Check", &protocols.CheckRequest{})
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	if got := check.(*protocols.HealthCheckResponse).Status; got != protocols.HealthCheckResponse_SERVING {
		t.Fatalf("Check: status %v", got)
	}
}

// Try makes one call of the agent's service and returns its answer or error.
func (a *Agent) Try(ctx context.Context, method string, req protocols.Message) (protocols.Message, error) {
	return a.try(ctx, protocols.AgentService, method, req)
}

func (a *Agent) try(ctx context.Context, service, method string, req protocols.Message) (protocols.Message, error) {
	m, ok := protocols.LookUp(service, method)
	if !ok {
		return nil, fmt.Errorf("no call %s/%s", service, method)
	}
	resp := m.NewResponse()
	if err := a.client.Call(ctx, service, method, protocols.Wire(req), protocols.Wire(resp)); err != nil {
		return nil, err
	}
	return resp, nil
}

// Call makes one call that must succeed.
func (a *Agent) Call(t testing.TB, method string, req protocols.Message) protocols.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	resp, err := a.Try(ctx, method, req)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return resp
}

// Fails makes one call that must fail and returns its error.
func (a *Agent) Fails(t testing.TB, method string, req protocols.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	_, err := a.Try(ctx, method, req)
	if err == nil {
		t.Fatalf("%s succeeded, an error was wanted", method)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: no answer in %v", method, callLimit)
	}
	return err
}

// CreateSandbox makes a sandbox as a host without a shared file system does,
// with a shared-memory mount for its containers.
func (a *Agent) CreateSandbox(t testing.TB, req *protocols.CreateSandboxRequest) {
	t.Helper()
	if req.SandboxId == "" {
		req.SandboxId = "sandbox"
	}
	req.Storages = append(req.Storages, &protocols.Storage{
		Driver: "ephemeral", Source: "shm", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/shm",
		Options: []string{"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"},
	})
	a.Call(t, "CreateSandbox", req)
}

// DestroySandbox ends the sandbox and waits until the VM is off, which the
// agent as init must do by itself.
func (a *Agent) DestroySandbox(t testing.TB) {
	t.Helper()
	a.Call(t, "DestroySandbox", &protocols.DestroySandboxRequest{})
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if err := a.VM.WaitPowerOff(ctx); err != nil {
		t.Fatal(err)
	}
}
