// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// pod is an agent whose sandbox has been created, with a root file system for containers.
type pod struct {
	*harness.Agent
	t      *testing.T
	ctx    context.Context // ends the test if it hangs
	rootfs string
}

func newPod(t *testing.T, o harness.Options) *pod {
	t.Helper()
	p := &pod{Agent: harness.Start(t, o), t: t, ctx: background(t), rootfs: harness.Rootfs(t)}
	p.must(p.Do(p.ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "sandbox"}))
	return p
}

// in is the same pod for a subtest.
func (p *pod) in(t *testing.T) *pod {
	sub := *p
	sub.t = t
	return &sub
}

// must ends the test on an error.
func (p *pod) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// create makes a container that runs args when it is started.
func (p *pod) create(cid string, args ...string) {
	p.t.Helper()
	p.must(p.Create(p.ctx, cid, p.Spec(cid, p.rootfs, args...)))
}

// run makes and starts a container.
func (p *pod) run(cid string, args ...string) {
	p.t.Helper()
	p.create(cid, args...)
	p.must(p.StartContainer(p.ctx, cid))
}

// idle runs a container that does nothing until it is killed.
func (p *pod) idle(cid string) { p.t.Helper(); p.run(cid, "sleep", "10000") }

// remove removes a container with everything in it.
func (p *pod) remove(cid string) { p.t.Helper(); p.must(p.Remove(p.ctx, cid)) }

// exec starts a session.
func (p *pod) exec(cid, exec string, args ...string) {
	p.t.Helper()
	p.must(p.Exec(p.ctx, cid, exec, harness.Process(args...)))
}

// output is what a session writes to stdout; it must end with 0.
func (p *pod) output(cid, exec string, args ...string) string {
	p.t.Helper()
	out, code, err := p.Run(p.ctx, cid, exec, args...)
	if err != nil || code != 0 {
		p.t.Fatalf("session %q: status %d, %v, output %q", args, code, err, out)
	}
	return out
}

// wantExit waits for a process and looks at its status.
func (p *pod) wantExit(cid, exec string, want int32) {
	p.t.Helper()
	got, err := p.Wait(p.ctx, cid, exec)
	if err != nil || got != want {
		p.t.Errorf("exit of %s/%s: %d, %v; want %d", cid, exec, got, err, want)
	}
}

// warm lets the agent do everything once, so that what it keeps for good is there, and
// returns what it holds then.
func (p *pod) warm() harness.State {
	p.t.Helper()
	p.idle("warm")
	p.output("warm", "warm-session", "true")
	p.remove("warm")
	p.settled()
	return p.State()
}

// settled waits until the agent has no children.
func (p *pod) settled() {
	p.t.Helper()
	p.until("the agent has no children", func() bool { return len(p.Children()) == 0 })
}

// until waits for a condition.
func (p *pod) until(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// refused checks the answer to a request that is wrong: its code, and that its text says
// what it is about.
func refused(t *testing.T, err error, want codes.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %s", want)
		return
	}
	s, _ := status.FromError(err)
	if s.Code() != want {
		t.Errorf("code %s (%s), want %s", s.Code(), s.Message(), want)
	}
	for _, w := range words {
		if !strings.Contains(s.Message(), w) {
			t.Errorf("text %q does not have %q", s.Message(), w)
		}
	}
	if strings.Contains(s.Message(), "\n") || strings.Contains(s.Message(), "goroutine ") {
		t.Errorf("text is not one sentence: %q", s.Message())
	}
}
