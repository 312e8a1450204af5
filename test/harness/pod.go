// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// Pod is an agent with a root file system for containers; each method ends the test when
// it fails.
type Pod struct {
	*Agent
	T      testing.TB
	Ctx    context.Context // that of Context
	Rootfs string
}

// NewPod starts an agent and creates its sandbox, with the hostname "pod" and the id "pod-id".
func NewPod(tb testing.TB, o Options) *Pod {
	tb.Helper()
	p := OnAgent(tb, Start(tb, o))
	p.Must(p.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "pod-id"}))
	return p
}

// OnAgent is a pod without a sandbox.
func OnAgent(tb testing.TB, a *Agent) *Pod {
	tb.Helper()
	return &Pod{Agent: a, T: tb, Ctx: Context(tb), Rootfs: Rootfs(tb)}
}

// In is the same pod for a subtest.
func (p *Pod) In(tb testing.TB) *Pod {
	sub := *p
	sub.T = tb
	return &sub
}

// Must ends the test on an error.
func (p *Pod) Must(err error) {
	p.T.Helper()
	if err != nil {
		p.T.Fatal(err)
	}
}

// Pause freezes a container.
func (p *Pod) Pause(cid string) error {
	return p.Do(p.Ctx, "PauseContainer", &protocols.PauseContainerRequest{ContainerId: cid})
}

// Resume thaws it.
func (p *Pod) Resume(cid string) error {
	return p.Do(p.Ctx, "ResumeContainer", &protocols.ResumeContainerRequest{ContainerId: cid})
}

// Make makes a container that runs args when it is started.
func (p *Pod) Make(cid string, args ...string) {
	p.T.Helper()
	p.Must(p.Create(p.Ctx, cid, p.Spec(cid, p.Rootfs, args...)))
}

// Launch makes and starts a container.
func (p *Pod) Launch(cid string, args ...string) {
	p.T.Helper()
	p.Make(cid, args...)
	p.Must(p.StartContainer(p.Ctx, cid))
}

// Idle runs a container that does nothing until it is killed.
func (p *Pod) Idle(cid string) { p.T.Helper(); p.Launch(cid, "sleep", "10000") }

// Delete removes a container with everything in it.
func (p *Pod) Delete(cid string) { p.T.Helper(); p.Must(p.Remove(p.Ctx, cid)) }

// Session starts a session.
func (p *Pod) Session(cid, exec string, args ...string) {
	p.T.Helper()
	p.Must(p.Exec(p.Ctx, cid, exec, Process(args...)))
}

// Output is what a session writes to stdout; it must end with 0.
func (p *Pod) Output(cid, exec string, args ...string) string {
	p.T.Helper()
	out, code, err := p.Run(p.Ctx, cid, exec, args...)
	if err != nil || code != 0 {
		p.T.Fatalf("session %q: status %d, %v, output %q", args, code, err, out)
	}
	return out
}

// WantExit waits for a process and looks at its status.
func (p *Pod) WantExit(cid, exec string, want int32) {
	p.T.Helper()
	got, err := p.Wait(p.Ctx, cid, exec)
	if err != nil || got != want {
		p.T.Errorf("exit of %s/%s: %d, %v; want %d", cid, exec, got, err, want)
	}
}

// Warm lets the agent do everything once, so that what it keeps for good is there, and
// returns what it holds then.
func (p *Pod) Warm() State {
	p.T.Helper()
	p.Idle("warm")
	p.Output("warm", "warm-session", "true")
	p.Delete("warm")
	p.Settled()
	return p.State()
}

// Settled waits until the agent has no children.
func (p *Pod) Settled() {
	p.T.Helper()
	p.Until("the agent has no children", func() bool { return len(p.Children()) == 0 })
}

// TimeOut makes a call that does not end by itself, and returns its answer at the deadline. Where
// the deadline has passed before the call had come as far as reached says, a longer one is tried;
// so it is where the one before was still being undone, and the answer says so.
func (p *Pod) TimeOut(c Call, reached func() bool) Answer {
	p.T.Helper()
	for c.Timeout = 300 * time.Millisecond; c.Timeout < guard.Hang; c.Timeout *= 2 { // clock: only where the search for the deadline begins
		r := p.Raw(p.T)
		r.Request(c)
		a := r.Answer()
		_ = r.Close()
		if reached() && codes.Code(a.Code) != codes.AlreadyExists {
			return a
		}
	}
	p.T.Fatalf("%s had not come far enough after %v", c.Method, c.Timeout/2)
	return Answer{}
}

// Until waits for a condition.
func (p *Pod) Until(what string, ok func() bool) {
	p.T.Helper()
	guard.Until(p.T, what, ok)
}

// Refused checks the answer to a request that is wrong: its code, and that its text says
// what it is about.
func Refused(tb testing.TB, err error, want codes.Code, words ...string) {
	tb.Helper()
	if err == nil {
		tb.Errorf("no error, want %s", want)
		return
	}
	s, _ := status.FromError(err)
	if s.Code() != want {
		tb.Errorf("code %s (%s), want %s", s.Code(), s.Message(), want)
	}
	for _, w := range words {
		if !strings.Contains(s.Message(), w) {
			tb.Errorf("text %q does not have %q", s.Message(), w)
		}
	}
	if strings.Contains(s.Message(), "\n") || strings.Contains(s.Message(), "goroutine ") {
		tb.Errorf("text is not one sentence: %q", s.Message())
	}
}
