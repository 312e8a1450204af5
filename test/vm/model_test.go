// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/model"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// modelSpan is how long the model searches in a machine, unless KATA_MODEL_TIME says otherwise.
const modelSpan = time.Minute

// TestModel has the clients of the model make random calls to an agent that is init, over vsock, on
// cgroup v2. On a developer's machine with cgroup v1 the package test/model does the same there.
func TestModel(t *testing.T) {
	const agentPort = 1024
	vm, agent := bootInit(t, lab.Options{CgroupV2: true, Lifetime: 15 * time.Minute})
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "pod-id"})
	root := agent.Busybox(t, "model")
	span := modelSpan
	if d, err := time.ParseDuration(os.Getenv("KATA_MODEL_TIME")); err == nil {
		span = d
	}
	s := &model.Search{Seed: uint64(time.Now().UnixNano()), Target: model.Target{
		Dial:   func() (net.Conn, error) { return vm.Dial(context.Background(), agentPort) },
		Rootfs: root, Cgroup: "/model", Limit: func() time.Duration { return guard },
	}}
	found, err := s.Run(span)
	t.Log(s)
	if err != nil {
		t.Error(err)
	}
	if found != nil {
		t.Errorf("plan %d: %s\n%s", found.Plan, found.Text, found.Script)
	}
	agent.DestroySandbox(t)
	wantContains(t, "console", vm.Console(), "agent ended with status 0")
}
