// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// ownGroup is a cgroup of a v1 hierarchy for the agent and the helper alone; the containers' are elsewhere.
func ownGroup(p *harness.Pod, controller string) (dir string) {
	p.T.Helper()
	root := filepath.Join("/sys/fs/cgroup", controller)
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
		p.T.Skipf("needs the %s controller of cgroup v1", controller)
	}
	dir = filepath.Join(root, p.Cgroup+"-agent")
	p.Must(os.Mkdir(dir, 0o755))
	members := []string{strconv.Itoa(p.Pid)}
	for _, c := range guesttest.Children(p.Pid) {
		if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.Pid)); strings.HasPrefix(string(text), "kata-") {
			members = append(members, strconv.Itoa(c.Pid))
		}
	}
	for _, m := range members {
		p.Must(os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(m), 0))
	}
	p.T.Cleanup(func() { emptyGroup(p, dir, root) })
	return dir
}

// emptyGroup moves out who is left, and removes the group.
func emptyGroup(p *harness.Pod, dir, root string) {
	p.T.Helper()
	p.Until(dir+" can be removed", func() bool {
		list, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for member := range strings.FieldsSeq(string(list)) {
			_ = os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte(member), 0) // it may have ended
		}
		err := os.Remove(dir)
		return err == nil || os.IsNotExist(err)
	})
}

// number is the one in a file of a cgroup.
func number(p *harness.Pod, file string) int {
	p.T.Helper()
	text, err := os.ReadFile(file)
	p.Must(err)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	p.Must(err)
	return n
}

// TestNoProcessForTheAgent lets the agent's own cgroup hold n processes and threads more than it has.
func TestNoProcessForTheAgent(t *testing.T) {
	groups := map[*harness.Agent]string{}
	lack{
		name: "processes", scenarios: []string{"container", "hooks"}, rations: upTo(64), says: []string{"resource temporarily unavailable"},
		alone: true,
		ration: func(p *harness.Pod, n int) func() {
			if groups[p.Agent] == "" {
				groups[p.Agent] = ownGroup(p, "pids")
			}
			dir := groups[p.Agent]
			now := number(p, filepath.Join(dir, "pids.current"))
			p.Must(os.WriteFile(filepath.Join(dir, "pids.max"), []byte(strconv.Itoa(now+n)), 0))
			return func() { p.Must(os.WriteFile(filepath.Join(dir, "pids.max"), []byte("max"), 0)) }
		},
	}.try(t)
}

// TestLittleMemory gives containers less memory than their first process needs, up to one that is enough. Either the
// create says so, or the container ends by the kernel's kill.
func TestLittleMemory(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); err != nil {
		t.Skip("needs the memory controller of cgroup v1")
	}
	p := harness.NewPod(t, harness.Options{})
	p.Idle(other)
	p.Session(other, talk, "cat")
	p.Must(life(p))
	r := &runner{t: t, p: p, s: scenario{run: lifeAs(plain), clean: remove, children: 2}}
	r.before = r.whole()
	for limit := int64(4 << 10); limit <= 16<<20; limit *= 2 {
		if r.enoughMemory(limit) {
			return
		}
	}
	t.Error("no limit was enough, want one of 16 MiB at most")
}

// enoughMemory runs a container with a limit. It tells whether its program has come to its end.
func (r *runner) enoughMemory(limit int64) bool {
	r.t.Helper()
	const whole, killed = 7, 137
	p, status := r.p, int32(0)
	spec := p.Spec("c1", p.Rootfs, "sh", "-c", fmt.Sprint("exit ", whole))
	spec.Linux.Resources.Memory = &protocols.LinuxMemory{Limit: limit}
	err := p.Create(p.Ctx, "c1", spec)
	if err == nil {
		err = p.StartContainer(p.Ctx, "c1")
	}
	if err == nil {
		status, err = p.Wait(p.Ctx, "c1", "")
	}
	r.served()
	r.begins()
	if err != nil {
		harness.Refused(r.t, err, codes.Internal, "c1", "memory")
	} else if status != whole && status != killed {
		r.t.Errorf("limit %d: status %d, want %d, or %d for a kill", limit, status, whole, killed)
	}
	if status == whole {
		p.Delete("c1")
		return true
	}
	r.check(fmt.Sprintf("a limit of %d bytes", limit), err)
	return false
}
