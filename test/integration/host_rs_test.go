// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// rsProcess is a session as runtime-rs sends it: the whole OCI process, as containerd has
// made it for the exec.
func rsProcess(args ...string) *protocols.Process {
	p := harness.Process(args...)
	p.Capabilities = &protocols.LinuxCapabilities{
		Bounding: harness.Capabilities, Effective: harness.Capabilities, Permitted: harness.Capabilities,
	}
	p.NoNewPrivileges = true
	p.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 512, Soft: 256}}
	p.ConsoleSize = &protocols.Box{Height: 30, Width: 100}
	p.ApparmorProfile = "cri-containerd.apparmor.d"
	p.OOMScoreAdj = 3
	return p
}

// rsSpec keeps the cgroup namespace and startContainer hooks.
func (p *pod) rsSpec(cid, rootfs string, args ...string) *protocols.Spec {
	s := p.Spec(cid, rootfs, args...)
	s.Linux.Namespaces = append(s.Linux.Namespaces, &protocols.LinuxNamespace{Type: "cgroup"})
	s.Linux.Resources.CPU = nil
	return s
}

// TestRuntimeRSHost runs a pod the way runtime-rs does: init by the empty exec id, waits
// right after the start, no DestroySandbox.
func TestRuntimeRSHost(t *testing.T) {
	const sid, cid = "sandbox-rs", "container-rs"
	a := harness.Start(t, harness.Options{Network: true})
	p := onAgent(t, a)
	addNIC(t, a, "enp0s1", nicMAC)
	p.Must(a.Call(p.Ctx, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: nic()}, &protocols.Interface{}))
	p.Must(a.Do(p.Ctx, "AddARPNeighbors", &protocols.AddARPNeighborsRequest{Neighbors: &protocols.ARPNeighbors{}}))
	p.Must(a.Call(p.Ctx, "UpdateRoutes", &protocols.UpdateRoutesRequest{Routes: &protocols.Routes{}}, &protocols.Routes{}))
	p.Must(a.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: sid}))
	p.Must(a.Call(p.Ctx, "GetGuestDetails", &protocols.GuestDetailsRequest{MemBlockSize: true}, &protocols.GuestDetailsResponse{}))
	before := p.Warm()

	// A file in one request, with no mode for its parents.
	content := bytes.Repeat([]byte("0123456789abcdef"), 100000)
	p.Must(a.Do(p.Ctx, "CopyFile", &protocols.CopyFileRequest{
		Path: shared + cid + "-resolv/data", FileSize: int64(len(content)), FileMode: 0o100600, Uid: 7, Gid: 8, Data: content,
	}))
	if b, err := os.ReadFile(a.Path(shared + cid + "-resolv/data")); err != nil || !bytes.Equal(b, content) {
		t.Errorf("copied file: %d bytes, %v", len(b), err)
	}

	create := func(id string, spec *protocols.Spec) {
		t.Helper()
		p.Must(a.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{ContainerId: id, OCI: spec}))
		p.Must(a.Do(p.Ctx, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{NbCpus: 1, CpuOnly: true}))
		p.Must(p.StartContainer(p.Ctx, id))
	}
	create(sid, p.rsSpec(sid, p.Rootfs, "sleep", "10000"))
	create(cid, p.rsSpec(cid, p.Rootfs, "sh", "-c", "read line; echo $line; sleep 10000"))

	// The wait comes at once and in parallel to the reads.
	var wg sync.WaitGroup
	wg.Go(func() {
		if code, err := p.Wait(p.Ctx, cid, ""); err != nil || code != 137 {
			t.Errorf("wait for init: %d, %v", code, err)
		}
	})
	if _, err := p.WriteStdin(p.Ctx, cid, "", []byte("line\n")); err != nil {
		t.Error(err)
	}
	if out, err := p.ReadStdout(p.Ctx, cid, "", 8192); err != nil || string(out) != "line\n" {
		t.Errorf("stdout of init: %q, %v", out, err)
	}
	if n, err := p.WriteStdin(p.Ctx, cid, "", nil); err != nil || n != 0 {
		t.Errorf("the end of input: %d, %v", n, err)
	}

	// A session with its own limits; the signal after its wait must be NOT_FOUND.
	p.Must(p.Exec(p.Ctx, cid, "exec-1", rsProcess("sh", "-c", "ulimit -n; cat")))
	if _, err := p.WriteStdin(p.Ctx, cid, "exec-1", []byte("in\n")); err != nil {
		t.Error(err)
	}
	for range 2 { // zero-length write and CloseStdin both
		if n, err := p.WriteStdin(p.Ctx, cid, "exec-1", []byte{}); err != nil || n != 0 {
			t.Errorf("the end of input: %d, %v", n, err)
		}
		p.Must(a.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: cid, ExecId: "exec-1"}))
	}
	if out, err := p.ReadAll(p.Ctx, cid, "exec-1"); err != nil || string(out) != "256\nin\n" {
		t.Errorf("session: %q, %v", out, err)
	}
	p.WantExit(cid, "exec-1", 0)
	harness.Refused(t, p.Signal(p.Ctx, cid, "exec-1", 9), codes.NotFound, "process not found")

	// A terminal with the size in the request.
	tty := rsProcess("stty", "size")
	tty.Terminal = true
	p.Must(p.Exec(p.Ctx, cid, "exec-2", tty))
	if out, err := p.ReadAll(p.Ctx, cid, "exec-2"); err != nil || string(out) != "30 100\r\n" {
		t.Errorf("terminal: %q, %v", out, err)
	}
	p.WantExit(cid, "exec-2", 0)

	// Stop: kill all, wait, kill again, remove within ten seconds.
	p.Must(p.Signal(p.Ctx, cid, "", 9))
	wg.Wait()
	p.Must(p.Signal(p.Ctx, cid, "", 9))
	harness.Refused(t, p.Signal(p.Ctx, cid, "", 15), codes.NotFound)
	for _, id := range []string{cid, sid} {
		p.Must(a.Do(p.Ctx, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: id, Timeout: 10}))
	}
	before.Files = append(before.Files, dirsOf(strings.TrimPrefix(shared+cid+"-resolv/data", "/run"))...)
	p.NothingLeft(t, before)
	a.Kill() // the host stops the virtual machine without a word
}

// dirsOf are a path and its parents.
func dirsOf(path string) []string {
	var out []string
	for ; path != "/"; path = filepath.Dir(path) {
		out = append(out, path)
	}
	slices.Reverse(out)
	return out
}
