// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// lack is something that the guest has no more of, really: the kernel says so, and nobody plays it.
type lack struct {
	name    string
	options harness.Options
	// scenarios are those that it is tried in, by name.
	scenarios []string
	// ration leaves the agent n of it, and returns what gives everything back.
	ration func(p *harness.Pod, n int) (giveBack func())
	// rations are tried one after another, up to the first with which a scenario goes well: the last must do.
	rations []int
	// says are words of which the answer has one.
	says []string
	// alone: it is what every session is started with, so nobody gets a new one.
	alone bool
	// harmless: nothing needs it, so every scenario goes well at once.
	harmless bool
}

// upTo are rations that come closer to what a life needs: each of the first, then some.
func upTo(last int) (out []int) {
	for n := 0; n < last; n += 1 + n/8 {
		out = append(out, n)
	}
	return append(out, last)
}

func (l lack) try(t *testing.T) {
	for _, s := range append(scenarios(), policyScenario) {
		if slices.Contains(l.scenarios, s.name) {
			t.Run(s.name, func(t *testing.T) { l.in(t, s) })
		}
	}
}

// in runs a scenario with more and more of what is scarce. The answer says what is missing, another container is served
// meanwhile, nothing half-made stays, and the same ids work once everything is back.
func (l lack) in(t *testing.T, s scenario) {
	r := &runner{t: t, s: l.beside(s)}
	o := s.options
	o.Config += l.options.Config
	o.Cmdline += l.options.Cmdline
	r.start(o)
	enough := false
	for _, n := range l.rations {
		giveBack := l.ration(r.p, n)
		err := r.once(s.run)
		r.served()
		if !l.alone {
			r.begins()
		}
		giveBack()
		if err == nil {
			enough = true
			break
		}
		l.wantClear(t, n, err)
		r.check(fmt.Sprintf("%s, %d left", l.name, n), err)
	}
	if !enough && len(l.rations) > 1 {
		t.Errorf("%s: no ration was enough, want one below %d", l.name, l.rations[len(l.rations)-1])
	}
	if l.harmless && r.faults > 0 {
		t.Errorf("%s: the scenario has failed, want that nobody notices", l.name)
	}
	r.must("run afterwards", s.run)
	t.Logf("%d rations were too little", r.faults)
}

// other is a container that the scenarios leave alone, talk a session in it.
const (
	other = "other"
	talk  = "talk"
)

// beside is the scenario with another container beside it.
func (l lack) beside(s scenario) scenario {
	ready := s.ready
	s.ready = func(p *harness.Pod) {
		if ready != nil {
			ready(p)
		}
		p.Idle(other)
		p.Session(other, talk, "cat")
	}
	s.children += 2
	return s
}

// served wants the other container to notice nothing.
func (r *runner) served() {
	r.t.Helper()
	p := r.p
	p.Must(p.Check(p.Ctx))
	const said = "still here\n"
	_, err := p.WriteStdin(p.Ctx, other, talk, []byte(said))
	p.Must(err)
	if got, err := p.ReadStdout(p.Ctx, other, talk, 100); string(got) != said {
		r.t.Errorf("the other container's session says %q, %v, want %q", got, err, said)
	}
	p.Must(p.Call(p.Ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: other}, &protocols.StatsContainerResponse{}))
}

// begins wants a new session in the other container.
func (r *runner) begins() {
	r.t.Helper()
	if got := r.p.Output(other, "new", "echo", "new"); got != "new\n" {
		r.t.Errorf("a new session in the other container says %q, want %q", got, "new\n")
	}
}

// wantClear looks at the first error of a run.
func (l lack) wantClear(t *testing.T, n int, err error) {
	t.Helper()
	s, _ := status.FromError(err)
	if s.Code() != codes.Internal && s.Code() != codes.ResourceExhausted {
		t.Errorf("%s, %d left: code %s, want INTERNAL or RESOURCE_EXHAUSTED: %v", l.name, n, s.Code(), err)
	}
	first, _, _ := strings.Cut(err.Error(), "\n") // those of the calls after it are on lines of their own
	said := map[string]bool{}
	for part := range strings.SplitSeq(first, ": ") {
		if said[part] {
			t.Errorf("%s, %d left: the answer says %q twice: %v", l.name, n, part, err)
		}
		said[part] = true
	}
	if !slices.ContainsFunc(l.says, func(words string) bool { return strings.Contains(strings.ToLower(first), words) }) {
		t.Errorf("%s, %d left: the answer is %q, want one of %q in it", l.name, n, first, l.says)
	}
}

// policyScenario sets a policy.
var policyScenario = scenario{
	name: "policy", options: harness.Options{Policy: allowAll}, clean: nothing,
	run: func(ctx context.Context, p *harness.Pod) error {
		return p.Do(ctx, "SetPolicy", &protocols.SetPolicyRequest{Policy: allowAll})
	},
}

// allowAll is a policy that denies nothing.
const allowAll = "package agent_policy\n\ndefault AllowRequestsFailingPolicy := true\n"
