// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// shared is where the host shares root file systems and volumes with the guest.
const shared = "/run/kata-containers/shared/containers/"

// goDirMode is Go's os.ModeDir with 0750, which the Go host sends as it is.
const goDirMode = 1<<31 | 0o750

// share puts a root file system where the guest sees the host's share.
func (p *pod) share(cid string) string {
	p.T.Helper()
	dir := filepath.Join(shared, cid, "rootfs")
	if err := os.MkdirAll(p.Path(dir), 0o755); err != nil {
		p.T.Fatal(err)
	}
	p.Mount(p.T, p.Rootfs, dir)
	return dir
}

// goSpec is what the Go host makes of a CRI container: hooks, pid, network and cgroup
// namespaces, seccomp, AppArmor and most resources are gone.
func (p *pod) goSpec(cid, kind, rootfs string, args ...string) *protocols.Spec {
	s := p.Spec(cid, rootfs, args...)
	s.Hostname = ""
	s.Annotations["io.katacontainers.pkg.oci.container_type"] = kind
	s.Linux.Resources = &protocols.LinuxResources{
		CPU: &protocols.LinuxCPU{Shares: 2}, Memory: &protocols.LinuxMemory{},
	}
	s.Process.OOMScoreAdj = 1000
	for i, m := range s.Mounts {
		if m.Destination == "/dev/shm" {
			s.Mounts[i] = &protocols.Mount{Destination: "/dev/shm", Type: "bind", Source: "/run/kata-containers/sandbox/shm", Options: []string{"rbind"}}
		}
	}
	s.Mounts = append(s.Mounts, &protocols.Mount{
		Destination: "/etc/hostname", Type: "bind", Source: shared + cid + "-0123456789abcdef-hostname", Options: []string{"rbind", "rprivate", "rw"},
	})
	return s
}

// copyFile is how the Go host without a shared file system sends a file: in chunks.
func (p *pod) copyFile(path string, data []byte, chunk int) {
	p.T.Helper()
	request := &protocols.CopyFileRequest{
		Path: path, FileSize: int64(len(data)), FileMode: 0o100644, DirMode: goDirMode, Uid: 0, Gid: 0,
	}
	for off := 0; ; off += chunk {
		request.Offset, request.Data = int64(off), data[off:min(off+chunk, len(data))]
		p.Must(p.Do(p.Ctx, "CopyFile", request))
		if off+chunk >= len(data) {
			return
		}
	}
}

// shim is how the Go shim treats a process with streams: it reads both to their ends, and
// only then waits.
func (p *pod) shim(cid, exec string) (stdout, stderr string, code int32, err error) {
	var wg sync.WaitGroup
	for to, read := range map[*string]func() ([]byte, error){
		&stdout: func() ([]byte, error) { return p.ReadStdout(p.Ctx, cid, exec, 32<<10) },
		&stderr: func() ([]byte, error) { return p.ReadStderr(p.Ctx, cid, exec, 32<<10) },
	} {
		wg.Go(func() {
			for {
				b, err := read()
				if err != nil || len(b) == 0 {
					return
				}
				*to += string(b)
			}
		})
	}
	wg.Wait()
	code, err = p.Wait(p.Ctx, cid, exec)
	return stdout, stderr, code, err
}

// goStop is how the Go host stops a container that has exited: errors do not matter, but
// the second wait must not block.
func (p *pod) goStop(cid string) {
	p.T.Helper()
	p.Must(p.Signal(p.Ctx, cid, "", 9))
	if _, err := p.Wait(p.Ctx, cid, cid); status.Code(err) != codes.NotFound {
		p.T.Errorf("second wait for %s: %v", cid, err)
	}
	p.Must(p.Remove(p.Ctx, cid))
	p.Must(p.Do(p.Ctx, "RemoveStaleVirtiofsShareMounts", &protocols.RemoveStaleVirtiofsShareMountsRequest{}))
}

// resources is what the Go host sends around each create and start.
func (p *pod) resources() {
	p.T.Helper()
	p.Must(p.Do(p.Ctx, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{NbCpus: 1, CpuOnly: true}))
	p.Must(p.Do(p.Ctx, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{}))
	p.Must(p.Do(p.Ctx, "UpdateEphemeralMounts", &protocols.UpdateEphemeralMountsRequest{}))
}

// TestGoHost runs a pod of two containers the way the Go runtime does.
func TestGoHost(t *testing.T) {
	const sid, cid = "0a1b2c3d4e5f", "f5e4d3c2b1a0"
	a := harness.Start(t, harness.Options{Network: true})
	p := onAgent(t, a)

	// (a) The sandbox.
	p.Must(a.Check(p.Ctx))
	addNIC(t, a, "enp0s1", nicMAC)
	p.Must(a.Call(p.Ctx, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: nic()}, &protocols.Interface{}))
	routes := &protocols.Routes{Routes: []*protocols.Route{
		{Dest: "", Gateway: "192.0.2.1", Device: "eth0"}, {Dest: "192.0.2.0/24", Source: "192.0.2.2", Device: "eth0", Scope: 253},
	}}
	p.Must(a.Call(p.Ctx, "UpdateRoutes", &protocols.UpdateRoutesRequest{Routes: routes}, &protocols.Routes{}))
	p.Must(a.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{
		Hostname: "pod-name", Dns: []string{"# made by the host", "nameserver 192.0.2.53", "search example.org", ""}, SandboxId: sid,
		Storages: []*protocols.Storage{{
			Driver: "ephemeral", Source: "shm", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/shm",
			Options: []string{"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"},
		}},
	}))
	var d protocols.GuestDetailsResponse
	p.Must(a.Call(p.Ctx, "GetGuestDetails", &protocols.GuestDetailsRequest{MemBlockSize: true, MemHotplugProbe: true}, &d))
	p.Must(os.MkdirAll(a.Path(filepath.Dir(shared)), 0o755))
	before := p.State()

	for _, id := range []string{sid, cid} {
		p.copyFile(shared+id+"-0123456789abcdef-hostname", []byte("pod-name\n"), 4)
	}
	create := func(id, kind string, args ...string) {
		t.Helper()
		p.Must(p.Create(p.Ctx, id, p.goSpec(id, kind, p.share(id), args...)))
		p.resources()
		p.Must(p.StartContainer(p.Ctx, id))
		p.resources()
	}
	create(sid, "pod_sandbox", "sh", "-c", "trap exit TERM; while :; do sleep 0.05; done")
	oom := a.Raw(t)
	oom.Request(harness.Call{Stream: 1, Method: "GetOOMEvent", Request: &protocols.GetOOMEventRequest{}})

	// (b) A container with its root on the share.
	emptyDir := &protocols.Storage{Driver: "local", Source: "local", Fstype: "local", MountPoint: shared + sid + "/rootfs/local/cache", Options: []string{"mode=0777"}}
	memory := &protocols.Storage{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/ephemeral/mem"}
	spec := p.goSpec(cid, "pod_container", p.share(cid), "sh", "-c", "echo up; echo warn >&2; read x; echo $x; exit 9")
	spec.Mounts = append(
		spec.Mounts,
		&protocols.Mount{Destination: "/mem", Type: "bind", Source: memory.MountPoint, Options: []string{"rbind"}},
	)
	p.Must(a.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: cid, ExecId: cid, OCI: spec, Storages: []*protocols.Storage{emptyDir, memory},
	}))
	p.resources()

	// (d) Sessions, the first before the start.
	if out := p.Output(cid, "early", "cat", "/etc/hostname"); out != "pod-name\n" {
		t.Errorf("hostname file: %q", out)
	}
	p.Must(p.StartContainer(p.Ctx, cid))
	p.resources()
	p.Session(cid, "8c7a2b62-0d2a-4e3f-9c5d-6a1a7f1f0e11", "sh", "-c", "hostname; head -c 3 /dev/zero | wc -c >&2; grep ^Cap /proc/self/status; exit 4")
	stdout, stderr, code, err := p.shim(cid, "8c7a2b62-0d2a-4e3f-9c5d-6a1a7f1f0e11")
	if err != nil || code != 4 || !strings.HasPrefix(stdout, "pod-name\n") || stderr != "3\n" {
		t.Errorf("session: %q, %q, %d, %v", stdout, stderr, code, err)
	}
	// No capabilities were sent: the container's.
	if !strings.Contains(stdout, "CapBnd:\t00000000a80425fb") {
		t.Errorf("capabilities of a session: %q", stdout)
	}
	harness.Refused(t, p.Signal(p.Ctx, cid, "8c7a2b62-0d2a-4e3f-9c5d-6a1a7f1f0e11", 0), codes.NotFound)

	// (e) A terminal, sized before it is read.
	tty := harness.Process("sh", "-c", "stty size; read line; echo got $line")
	tty.Terminal = true
	p.Must(p.Exec(p.Ctx, cid, "tty", tty))
	p.Must(a.Do(p.Ctx, "TtyWinResize", &protocols.TtyWinResizeRequest{ContainerId: cid, ExecId: "tty", Row: 40, Column: 120}))
	if _, err := p.WriteStdin(p.Ctx, cid, "tty", []byte("hello\n")); err != nil {
		t.Error(err)
	}
	p.Must(a.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: cid, ExecId: "tty"}))
	out, err := p.ReadAll(p.Ctx, cid, "tty")
	if err != nil || !strings.Contains(string(out), "got hello\r\n") {
		t.Errorf("terminal: %q, %v", out, err)
	}
	p.WantExit(cid, "tty", 0)

	// (g) Statistics.
	var stats protocols.StatsContainerResponse
	p.Must(a.Call(p.Ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: cid}, &stats))
	if c := stats.CgroupStats; c == nil || c.CpuStats.CpuUsage.TotalUsage == 0 || c.MemoryStats.Usage.Usage == 0 || c.PidsStats.Current == 0 {
		t.Errorf("statistics: %v", stats.CgroupStats)
	} else if keys := c.MemoryStats.Stats; !hasKey(keys, "total_rss") && !hasKey(keys, "anon") {
		t.Errorf("memory keys: %v", keys)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(stats.NetworkStats, func(n *protocols.NetworkStats) bool { return n.Name == name })
	}
	if !has("eth0") || has("lo") {
		t.Errorf("network statistics %v, want those of eth0 and not of the loopback", stats.NetworkStats)
	}
	p.Must(a.Do(p.Ctx, "UpdateContainer", &protocols.UpdateContainerRequest{ContainerId: cid, Resources: &protocols.LinuxResources{
		CPU: &protocols.LinuxCPU{Shares: 512}, Memory: &protocols.LinuxMemory{Limit: 1 << 30},
	}}))
	if b, err := os.ReadFile("/sys/fs/cgroup/cpu" + a.Cgroup + "/" + cid + "/cpu.shares"); err == nil && string(b) != "512\n" {
		t.Errorf("cpu.shares %q", b)
	}

	// (f) The container exits, and is stopped.
	if _, err := p.WriteStdin(p.Ctx, cid, cid, []byte("bye\n")); err != nil {
		t.Error(err)
	}
	stdout, stderr, code, err = p.shim(cid, cid)
	if err != nil || stdout != "up\nbye\n" || stderr != "warn\n" || code != 9 {
		t.Errorf("container: %q, %q, %d, %v", stdout, stderr, code, err)
	}
	p.goStop(cid)

	// (j) The pause container is stopped by a signal, then the pod goes.
	p.Must(p.Signal(p.Ctx, sid, "", 15))
	if code, err := p.Wait(p.Ctx, sid, sid); err != nil || (code != 0 && code != 143) {
		t.Errorf("pause container: %d, %v", code, err)
	}
	p.goStop(sid)
	for _, id := range []string{sid, cid} {
		p.Unmount(t, shared+id+"/rootfs")
	}
	p.Must(os.RemoveAll(a.Path(shared)))
	oom.Close()
	// The content of an emptyDir outlives its containers, as they may be restarted; and
	// libcontainer keeps descriptors that it has opened for the first container, and the watch for
	// OOM kills one for each hierarchy of cgroup v1.
	const ephemeral = "/run/kata-containers/sandbox/ephemeral"
	before.Mounts = append(before.Mounts, ephemeral+"/mem")
	for _, f := range []string{ephemeral, ephemeral + "/mem", "/run/kata-agent/containers"} {
		before.Files = append(before.Files, strings.TrimPrefix(f, "/run"))
	}
	before.FDs = append(before.FDs, "/", "/sys/fs/cgroup", "anon_inode:[eventfd]")
	p.NothingLeft(t, before)
	p.Must(p.DestroySandbox(p.Ctx))
	if code := p.WaitExit(); code != 0 {
		t.Errorf("the agent has ended with %d", code)
	}
}

func hasKey(m map[string]uint64, key string) bool { _, ok := m[key]; return ok }
