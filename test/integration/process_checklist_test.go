// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// What needs a virtual machine is tested in test/vm: vsock, the debug console, streams
// passed as connections, powering off.

func TestProcessMetadataIsAccepted(t *testing.T) {
	p := newPod(t, harness.Options{})
	r := p.Raw(t)
	r.Request(harness.Call{
		Stream: 1, Method: "GetGuestDetails", Request: &protocols.GuestDetailsRequest{},
		Metadata: map[string]string{
			"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			"tracestate":  "a=1", "baggage": "b=2", "": "", "odd": strings.Repeat("x", 10000),
		},
	})
	answered(t, r.Answer(), 1, codes.OK)
	if strings.Contains(p.Log(), "4bf92f3577b34da6") || strings.Contains(p.Log(), "xxxx") {
		t.Error("metadata are logged")
	}
}

// TestProcessUnknownIDs covers every request that is about one process.
func TestProcessUnknownIDs(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	requests := func(cid, exec string) map[string]error {
		_, wait := p.Wait(p.Ctx, cid, exec)
		_, stdout := p.ReadStdout(p.Ctx, cid, exec, 1)
		_, stderr := p.ReadStderr(p.Ctx, cid, exec, 1)
		return map[string]error{
			"WaitProcess": wait, "ReadStdout": stdout, "ReadStderr": stderr,
			"SignalProcess": p.Signal(p.Ctx, cid, exec, 15),
			"CloseStdin":    p.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: cid, ExecId: exec}),
			"TtyWinResize":  p.Do(p.Ctx, "TtyWinResize", &protocols.TtyWinResizeRequest{ContainerId: cid, ExecId: exec}),
		}
	}
	for name, err := range requests("c1", "nobody") {
		t.Run(name, func(t *testing.T) { harness.Refused(t, err, codes.NotFound, "process not found", `"nobody"`, `"c1"`) })
	}
	for name, err := range requests("nobody", "") {
		t.Run(name+" container", func(t *testing.T) { harness.Refused(t, err, codes.InvalidArgument, `invalid container id: "nobody"`) })
	}
	for name, exec := range map[string]string{"exec": "nobody", "init": ""} {
		t.Run("WriteStdin "+name, func(t *testing.T) {
			cid := "c1"
			if exec == "" {
				cid = "nobody"
			}
			_, err := p.WriteStdin(p.Ctx, cid, exec, []byte("x"))
			harness.Refused(t, err, codes.Internal, `"nobody"`)
		})
	}
}

// TestProcessExecFailureAfterStart is a program that the kernel refuses to execute: an
// error of the exec, or its errno as the exit status of a container's own program.
func TestProcessExecFailureAfterStart(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.Idle("c1")
	sh := func(line string) { p.Output("c1", "make", "sh", "-c", line) }
	sh("echo text > /noexec; mkdir /dir; printf '\\177ELF' > /garbage; chmod 755 /garbage")
	for file, words := range map[string][]string{
		"/nothing": {`"/nothing"`},
		"nothing":  {`"nothing"`, "executable file not found"},
		"/noexec":  {`"/noexec"`, "permission denied"},
		"/dir":     {`"/dir"`},
		"/garbage": {`/garbage`, "exec format error"},
	} {
		t.Run(file, func(t *testing.T) {
			if file == "/garbage" && harness.Seccomp() {
				t.Skip("libcontainer finds out after it has answered: the session's exit tells")
			}
			harness.Refused(t, p.Exec(p.Ctx, "c1", "e", harness.Process(file)), codes.Internal, append(words, `"c1"`)...)
		})
	}
	p.Output("c1", "e", "true") // the id is free
	p.Delete("c1")
	p.NothingLeft(t, before)

	for _, file := range []string{"/nothing", "/noexec"} {
		err := p.Create(p.Ctx, "c2", p.Spec("c2", p.Rootfs, file))
		harness.Refused(t, err, codes.Internal, `"c2"`, file)
	}
	p.NothingLeft(t, before)
}

// TestProcessOOMOfSandboxContainer is in TestRPC10GetOOMEventBlocks; here the wait's end.
func TestProcessOOMWaitEndsWithTheConnection(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.State()
	r := p.Raw(t)
	for stream := uint32(1); stream < 200; stream += 2 {
		r.Request(harness.Call{Stream: stream, Method: "GetOOMEvent"})
	}
	check(t, r, 201)
	r.Close()
	p.NothingLeft(t, before)
}

func TestProcessDestroyAnswersBeforeTheEnd(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	r := p.Raw(t)
	r.Request(harness.Call{Stream: 1, Method: "DestroySandbox", Request: &protocols.DestroySandboxRequest{}})
	answered(t, r.Answer(), 1, codes.OK)
	if code := p.WaitExit(); code != 0 {
		t.Errorf("the agent has ended with %d", code)
	}
}

func TestProcessCgroupPathForms(t *testing.T) {
	p := newPod(t, harness.Options{})
	root := strings.TrimPrefix(p.Cgroup, "/")
	slice := root + ".slice"
	t.Cleanup(func() { // parents, which the agent leaves: other containers of the pod may come
		for _, dir := range []string{"/cri-containerd", ""} {
			dirs, _ := filepath.Glob("/sys/fs/cgroup/*/" + slice + dir)
			for _, d := range dirs {
				if err := os.Remove(d); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for path, want := range map[string]string{
		p.Cgroup + "/plain":          root + "/plain",
		root + "/relative":           root + "/relative",
		slice + ":cri-containerd:c1": slice + "/cri-containerd/c1",
	} {
		spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
		spec.Linux.CgroupsPath = path
		p.Must(p.Create(p.Ctx, "c1", spec))
		if _, err := os.Stat("/sys/fs/cgroup/memory/" + want); err != nil {
			t.Errorf("cgroupsPath %q: %v", path, err)
		}
		p.Delete("c1")
		if left, _ := filepath.Glob("/sys/fs/cgroup/*/" + want); len(left) > 0 {
			t.Errorf("cgroups left behind: %q", left)
		}
	}
}

// TestProcessCmdlineWords is the list of words that users have in their kernel parameters
// and no agent may fail on.
func TestProcessCmdlineWords(t *testing.T) {
	words := `root=/dev/pmem0p1 reboot=k panic=1 systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service
		agent.hotplug_timeout=10s agent.hotplug_timeout=10 agent.trace=isolated agent.trace=collated agent.trace=0
		agent.unified_cgroup_hierarchy=1 agent.use_vsock=true agent.debug_console=false agent.cdh_api_timeout=50
		agent.launch_process_timeout=6 agent.visible_cdi_devices=true agent.container_pipe_size=4096 agent.log=debug
		agent.nobody_knows=this agent.log_vport= cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1 psi=1`
	a := harness.Start(t, harness.Options{Cmdline: strings.ReplaceAll(words, "\n", " ") + "\n"})
	if err := a.Check(background(t)); err != nil {
		t.Error(err)
	}
	p := harness.OnAgent(t, a)
	p.Until("the words have an effect", func() bool { // the log has a writer of its own
		return strings.Contains(a.Log(), "container_pipe_size=4096") && strings.Contains(a.Log(), "log_level=debug")
	})
	p.Until("an unknown word is warned about", func() bool { return strings.Contains(a.Log(), "nobody_knows") })
}

func TestProcessLogIsJSONWithFourLetterLevels(t *testing.T) {
	p := newPod(t, harness.Options{Env: []string{"KATA_AGENT_LOG_LEVEL=debug"}})
	p.Idle("c1")
	harness.Refused(t, p.Create(p.Ctx, "c1", p.Spec("c1", p.Rootfs, "true")), codes.AlreadyExists)
	p.Delete("c1")
	levels := []string{"TRCE", "DEBG", "INFO", "WARN", "ERRO", "CRIT"}
	var log string
	p.Until("all of it is written", func() bool {
		log = strings.TrimSpace(p.Log())
		return strings.Contains(log, "RemoveContainer") && strings.HasSuffix(log, "}")
	})
	lines := strings.Split(log, "\n")
	for _, line := range lines {
		var entry map[string]string // every value is a string
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%v: %s", err, line)
			continue
		}
		if !slices.Contains(levels, entry["level"]) {
			t.Errorf("level %q: %s", entry["level"], line)
		}
		for _, key := range []string{"msg", "ts", "name", "source", "pid", "version", "subsystem"} {
			if entry[key] == "" {
				t.Errorf("no %q: %s", key, line)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, entry["ts"]); err != nil || !strings.HasSuffix(entry["ts"], "Z") {
			t.Errorf("time: %s", line)
		}
	}
	if len(lines) < 5 {
		t.Errorf("%d lines only", len(lines))
	}
}

func TestProcessVersionLine(t *testing.T) {
	out, err := exec.Command(harness.Build(t), "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "kata-agent version ") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("--version: %q, %v", out, err)
	}
}

func TestProcessSocketFileOfADeadAgent(t *testing.T) {
	dir := t.TempDir()
	address := "unix://" + filepath.Join(dir, "s")
	first := harness.Start(t, harness.Options{Address: address})
	first.Kill()
	second := harness.Start(t, harness.Options{Address: address})
	if err := second.Check(background(t)); err != nil {
		t.Error(err)
	}
}
