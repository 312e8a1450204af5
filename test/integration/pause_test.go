// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

func (p *pod) pause(cid string) error {
	return p.Do(p.ctx, "PauseContainer", &protocols.PauseContainerRequest{ContainerId: cid})
}

func (p *pod) resume(cid string) error {
	return p.Do(p.ctx, "ResumeContainer", &protocols.ResumeContainerRequest{ContainerId: cid})
}

func TestPauseStopsAndResumeGoesOn(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.run("c1", "sh", "-c", "while :; do echo tick; sleep 0.01; done")
	refused(t, p.resume("c1"), codes.FailedPrecondition, `"c1"`, "running")
	p.must(p.pause("c1"))
	refused(t, p.pause("c1"), codes.FailedPrecondition, `"c1"`, "paused")
	for { // what was written before
		short, err := p.readFor("c1", 100*time.Millisecond)
		if err != nil || len(short) == 0 {
			break
		}
	}
	if out, _ := p.readFor("c1", 100*time.Millisecond); len(out) > 0 {
		t.Errorf("a paused container has written %q", out)
	}
	refused(t, p.Exec(p.ctx, "c1", "e", harness.Process("true")), codes.FailedPrecondition, `"c1"`, "paused")
	p.must(p.Do(p.ctx, "UpdateContainer", &protocols.UpdateContainerRequest{ContainerId: "c1"}))
	p.must(p.Call(p.ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c1"}, &protocols.StatsContainerResponse{}))
	p.must(p.resume("c1"))
	if out, err := p.ReadStdout(p.ctx, "c1", "", 5); err != nil || len(out) == 0 {
		t.Errorf("after the resume: %q, %v", out, err)
	}
	p.output("c1", "e", "true")

	// A created container can be paused, and is a created one afterwards.
	p.create("c2", "true")
	p.must(p.pause("c2"))
	refused(t, p.StartContainer(p.ctx, "c2"), codes.FailedPrecondition, `"c2"`, "paused")
	p.must(p.resume("c2"))
	p.must(p.StartContainer(p.ctx, "c2"))
	p.wantExit("c2", "", 0)
	refused(t, p.pause("c2"), codes.FailedPrecondition, `"c2"`, "stopped")
}

// readFor reads once with a deadline.
func (p *pod) readFor(cid string, d time.Duration) ([]byte, error) {
	r := p.Raw(p.t)
	defer r.Close()
	r.Request(harness.Call{Stream: 1, Method: "ReadStdout", Timeout: d, Request: &protocols.ReadStreamRequest{ContainerId: cid, Len: 4096}})
	var out protocols.ReadStreamResponse
	err := r.Answer().Decode(&out)
	return out.Data, err
}

func TestKilledAndRemovedWhilePaused(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.warm()
	p.idle("killed")
	p.must(p.pause("killed"))
	p.must(p.Signal(p.ctx, "killed", "", 9))
	p.wantExit("killed", "", 137)
	p.remove("killed")
	p.idle("removed")
	p.exec("removed", "e", "sleep", "10000")
	p.must(p.pause("removed"))
	p.remove("removed")
	p.NothingLeft(t, before)
}

// TestPauseAmongSessions has sessions start while the container is paused and resumed: one
// that were caught half-way in the frozen cgroup would hold up the resume.
func TestPauseAmongSessions(t *testing.T) {
	for name, seccomp := range map[string]bool{"by the helper": false, "by libcontainer": true} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, harness.Options{})
			spec := p.Spec("c1", p.rootfs, "sleep", "10000")
			if seccomp { // a profile is left to libcontainer
				spec.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
			}
			p.must(p.Create(p.ctx, "c1", spec))
			p.must(p.StartContainer(p.ctx, "c1"))
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						exec := fmt.Sprintf("e%d-%d", i, n)
						_, _, err := p.Run(p.ctx, "c1", exec, "true")
						if err != nil && status.Code(err) != codes.FailedPrecondition {
							t.Error(err)
							return
						}
					}
				})
			}
			for range 30 {
				p.must(p.pause("c1"))
				p.must(p.resume("c1"))
			}
			close(stop)
			wg.Wait()
			p.remove("c1")
		})
	}
}
