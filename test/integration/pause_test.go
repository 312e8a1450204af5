// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestPauseStopsAndResumeGoesOn(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Launch("c1", "sh", "-c", "while :; do echo tick; echo >>/tmp/ticks; sleep 0.01; done")
	harness.Refused(t, p.Resume("c1"), codes.FailedPrecondition, `"c1"`, "running")
	p.Must(p.Pause("c1"))
	harness.Refused(t, p.Pause("c1"), codes.FailedPrecondition, `"c1"`, "paused")
	ticks := func() int {
		text, err := os.ReadFile(filepath.Join(p.Rootfs, "tmp/ticks"))
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
		return len(text)
	}
	before := ticks()
	guard.Moment()
	if now := ticks(); now != before {
		t.Errorf("a paused container has written %d bytes", now-before)
	}
	harness.Refused(t, p.Exec(p.Ctx, "c1", "e", harness.Process("true")), codes.FailedPrecondition, `"c1"`, "paused")
	p.Must(p.Do(p.Ctx, "UpdateContainer", &protocols.UpdateContainerRequest{ContainerId: "c1"}))
	p.Must(p.Call(p.Ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c1"}, &protocols.StatsContainerResponse{}))
	p.Must(p.Resume("c1"))
	p.Until("it runs again", func() bool { return ticks() > before })
	p.Output("c1", "e", "true")

	// A created container can be paused, and is a created one afterwards.
	p.Make("c2", "true")
	p.Must(p.Pause("c2"))
	harness.Refused(t, p.StartContainer(p.Ctx, "c2"), codes.FailedPrecondition, `"c2"`, "paused")
	p.Must(p.Resume("c2"))
	p.Must(p.StartContainer(p.Ctx, "c2"))
	p.WantExit("c2", "", 0)
	harness.Refused(t, p.Pause("c2"), codes.FailedPrecondition, `"c2"`, "stopped")
}

func TestKilledAndRemovedWhilePaused(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.Idle("killed")
	p.Must(p.Pause("killed"))
	p.Must(p.Signal(p.Ctx, "killed", "", 9))
	p.WantExit("killed", "", 137)
	p.Delete("killed")
	p.Idle("removed")
	p.Session("removed", "e", "sleep", "10000")
	p.Must(p.Pause("removed"))
	p.Delete("removed")
	p.NothingLeft(t, before)
}

// TestPauseAmongSessions has sessions start while the container is paused and resumed: one
// that were caught half-way in the frozen cgroup would hold up the resume.
func TestPauseAmongSessions(t *testing.T) {
	for name, seccomp := range map[string]bool{"by the helper": false, "by libcontainer": true} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, harness.Options{})
			spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
			if seccomp { // a profile is left to libcontainer
				spec.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
			}
			p.Must(p.Create(p.Ctx, "c1", spec))
			p.Must(p.StartContainer(p.Ctx, "c1"))
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
						_, _, err := p.Run(p.Ctx, "c1", exec, "true")
						if err != nil && status.Code(err) != codes.FailedPrecondition {
							t.Error(err)
							return
						}
					}
				})
			}
			for range 30 {
				p.Must(p.Pause("c1"))
				p.Must(p.Resume("c1"))
			}
			close(stop)
			wg.Wait()
			p.Delete("c1")
		})
	}
}
