// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/test/harness"
)

// killStage kills a child of the agent's as soon as it has the name of a stage of
// libcontainer and is in a container's cgroup, until stop is closed. It says whether it has.
func killStage(p *harness.Pod, cid, name string, stop <-chan struct{}) <-chan bool {
	killed := make(chan bool, 1)
	go func() {
		done := false
		defer func() { killed <- done }()
		for !done {
			select {
			case <-stop:
				return
			default:
			}
			lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.Pid))
			for _, list := range lists {
				b, _ := os.ReadFile(list)
				for _, child := range strings.Fields(string(b)) {
					comm, _ := os.ReadFile("/proc/" + child + "/comm")
					groups, _ := os.ReadFile("/proc/" + child + "/cgroup")
					pid, err := strconv.Atoi(child)
					if err == nil && strings.HasPrefix(string(comm), name) && strings.Contains(string(groups), p.Cgroup+"/"+cid+"\n") {
						done = syscall.Kill(pid, syscall.SIGKILL) == nil
					}
				}
			}
		}
	}()
	return killed
}

// TestStageKilled kills what becomes a container's init in the middle of its creation, one of libcontainer's
// stages or the process that is made directly, beside creations that go well: these keep their processes,
// and of the failed one nothing is left.
func TestStageKilled(t *testing.T) {
	for way, names := range map[string][]string{
		runtime.WayLibcontainer: {"runc:[0:PARENT]", "runc:[1:CHILD]", "runc:[2:INIT]"},
		runtime.WayDirect:       {"runc:[3:LAST]"},
	} {
		t.Run(way, func(t *testing.T) {
			stagesKilled(t, harness.Options{Env: []string{"KATA_AGENT_CONTAINER_INIT=" + way}}, names)
		})
	}
}

func stagesKilled(t *testing.T, o harness.Options, names []string) {
	t.Helper()
	p := harness.NewPod(t, o)
	p.Ctx = t.Context()
	before := p.Warm()
	good, stop := make(chan error, 1), make(chan struct{})
	go func() { // whose children are nobody else's to reap
		for n := 0; ; n++ {
			select {
			case <-stop:
				good <- nil
				return
			default:
			}
			cid := fmt.Sprint("good", n)
			err := p.Create(p.Ctx, cid, p.Spec(cid, p.Rootfs, "true"))
			if err == nil {
				err = p.StartContainer(p.Ctx, cid)
			}
			if err == nil {
				var code int32
				if code, err = p.Wait(p.Ctx, cid, ""); err == nil && code != 0 {
					err = fmt.Errorf("%s has ended with %d, want 0", cid, code)
				}
			}
			if err == nil {
				err = p.Remove(p.Ctx, cid)
			}
			if err != nil {
				good <- err
				return
			}
		}
	}()
	longest, kills := time.Duration(0), 0
	for i := range 30 {
		name := names[i%len(names)]
		over := make(chan struct{})
		killed := killStage(p, "c1", name, over)
		begin := time.Now()
		err := p.Create(p.Ctx, "c1", p.Spec("c1", p.Rootfs, "sleep", "10000"))
		longest = max(longest, time.Since(begin))
		close(over)
		if <-killed {
			kills++
		}
		if err == nil {
			p.Delete("c1")
		}
	}
	close(stop)
	p.Must(<-good)
	if kills == 0 {
		t.Error("no stage was killed")
	}
	t.Logf("the longest creation of those in which %d stages were killed took %v", kills, longest)
	p.NothingLeft(t, before)
}
