// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestTrace: one exec, one creation and one wait for a device each read as one tree, below the span
// that the host has sent along, or below the agent's own; streams have none, and no text of a
// request leaves the guest but ids.
func TestTrace(t *testing.T) {
	f := harness.NewForwarder(t)
	p := newPod(t, harness.Options{Cmdline: "agent.trace agent.hotplug_timeout=1 agent.trace_endpoint=" + f.Endpoint})
	p.Idle("c1")
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"
	md := ttrpc.MD{}
	md.Set("traceparent", fmt.Sprintf("00-%s-%s-01", trace, parent))
	md.Set("tracestate", "vendor=1")
	session := harness.Process("sh", "-c", "exit 3")
	session.Env = append(session.Env, "PASSWORD=geheim")
	p.Must(p.Exec(ttrpc.WithMetadata(p.Ctx, md), "c1", "e1", session))
	if _, err := p.ReadAll(p.Ctx, "c1", "e1"); err != nil {
		t.Error(err)
	}
	p.WantExit("c1", "e1", 3)
	harness.Refused(t, p.StartContainer(p.Ctx, "none"), codes.Internal, "none")
	disk := &protocols.Storage{Driver: "blk", Source: "1e/1f", MountPoint: "/run/kata-containers/none", Fstype: "ext4"}
	err := p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: "c2", OCI: p.Spec("c2", p.Rootfs, "true"), Storages: []*protocols.Storage{disk},
	})
	if err == nil {
		t.Error("a container stands on a disk that never comes")
	}
	p.Must(p.DestroySandbox(p.Ctx))
	if code := p.WaitExit(); code != 0 {
		t.Errorf("the agent ended with %d", code)
	}

	all := f.Spans()
	if strings.Contains(string(f.Raw()), "geheim") {
		t.Error("the environment of a session has left the guest")
	}
	tops := map[string]harness.Span{}
	for _, s := range all {
		if s.Attribute("mod") == "rpc.rs" {
			tops[s.Name+" "+s.Attribute("req")] = s
		}
	}
	root := all[len(all)-1]
	for key, want := range map[string]struct {
		parent uint64
		status string
		tree   []string
	}{
		`exec_process ExecProcessRequest { container_id: "c1", exec_id: "e1", .. }`: {
			0x00f067aa0ba902b7, "Unset", []string{"exec_process", "exec_process/queue", "exec_process/spawn"},
		},
		`create_container CreateContainerRequest { container_id: "c1", exec_id: "c1", .. }`: {
			root.Context.SpanID, "Unset",
			[]string{
				"create_container", "create_container/bundle", "create_container/devices",
				"create_container/libcontainer create", "create_container/queue", "create_container/unseal",
			},
		},
		`start_container StartContainerRequest { container_id: "c1", .. }`: {
			root.Context.SpanID, "Unset",
			[]string{"start_container", "start_container/libcontainer start", "start_container/queue"},
		},
		`create_container CreateContainerRequest { container_id: "c2", .. }`: {
			root.Context.SpanID, "Error",
			[]string{
				"create_container", "create_container/devices", "create_container/mount",
				"create_container/mount/device wait", "create_container/mount/device wait/queue", "create_container/queue",
			},
		},
		`wait_process WaitProcessRequest { container_id: "c1", exec_id: "e1", .. }`: {
			root.Context.SpanID, "Unset", []string{"wait_process"},
		},
		`start_container StartContainerRequest { container_id: "none", .. }`: {
			root.Context.SpanID, "Error", []string{"start_container"},
		},
		`destroy_sandbox DestroySandboxRequest { .. }`: {
			root.Context.SpanID, "Unset", []string{"destroy_sandbox", "destroy_sandbox/queue"},
		},
	} {
		s, ok := tops[key]
		if !ok {
			t.Errorf("no span %s", key)
			continue
		}
		if got := harness.Tree(all, s); s.Parent != want.parent || s.Status != want.status || !slices.Equal(got, want.tree) {
			t.Errorf("%s:\n got %x, %s (%s), %q\nwant %x, %s, %q", key, s.Parent, s.Status, s.Message, got, want.parent, want.status, want.tree)
		}
	}
	for key := range tops {
		if strings.HasPrefix(key, "read_") || strings.HasPrefix(key, "write_") || strings.HasPrefix(key, "get_oom") || strings.HasPrefix(key, "check") {
			t.Errorf("a span of %s", key)
		}
	}
	exec := tops[`exec_process ExecProcessRequest { container_id: "c1", exec_id: "e1", .. }`]
	if got, want := exec.Context.TraceID.String(), "14576827793038113322513871894673895836"; got != want { // of trace, as a number
		t.Errorf("trace id %s, want %s", got, want)
	}
	wantTraceLine(t, p.Agent, `"lost":"0"`)
}

// wantTraceLine looks for the words in the line that tells at the end what became of the spans.
func wantTraceLine(t *testing.T, a *harness.Agent, words string) {
	t.Helper()
	for line := range strings.Lines(a.Log()) {
		if strings.Contains(line, `"trace spans"`) {
			if !strings.Contains(line, words) {
				t.Errorf("%s does not have %s", line, words)
			}
			return
		}
	}
	t.Errorf("no line about spans in\n%s", a.Log())
}

// TestTraceNowhere: a pod whose spans nobody takes lives and ends as any other; one line warns.
func TestTraceNowhere(t *testing.T) {
	p := newPod(t, harness.Options{Env: []string{"KATA_AGENT_TRACING=true", "KATA_AGENT_TRACE_ENDPOINT=unix:///nowhere"}})
	p.Idle("c1")
	p.Output("c1", "e1", "true")
	p.Until("the loss is told", func() bool { return strings.Contains(p.Log(), "trace spans are lost") })
	p.Output("c1", "e2", "true")
	p.Must(p.DestroySandbox(context.Background()))
	if code := p.WaitExit(); code != 0 {
		t.Errorf("the agent ended with %d", code)
	}
	if n := strings.Count(p.Log(), "trace spans are lost"); n != 1 {
		t.Errorf("%d warnings, want one", n)
	}
	wantTraceLine(t, p.Agent, `"sent":"0"`)
}
