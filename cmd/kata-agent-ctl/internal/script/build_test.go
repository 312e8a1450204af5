// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
)

// built are the requests that a command becomes.
func built(v *Values, line string) ([]protocols.Message, error) {
	l, err := Parse(line)
	if err != nil {
		return nil, err
	}
	m, err := client.LookUp(l.Name)
	if err != nil {
		return nil, err
	}
	r, err := v.requests(m, l)
	if err != nil {
		return nil, err
	}
	var out []protocols.Message
	err = r(func(m protocols.Message) error { out = append(out, m); return nil })
	return out, err
}

func TestRequests(t *testing.T) {
	process := `{"Args":["id"],"Cwd":"/"}`
	p := &protocols.Process{Args: []string{"id"}, Cwd: "/"}
	cases := []struct {
		line string
		want protocols.Message
	}{
		{"Check", &protocols.CheckRequest{}},
		{"check", &protocols.CheckRequest{}},
		{"GetIptables", &protocols.GetIPTablesRequest{}},
		{`GetIptables json://{"is_ipv6": true}`, &protocols.GetIPTablesRequest{IsIpv6: true}},
		{`SetIptables json://{"is_ipv6": false, "data": [42, 10]}`, &protocols.SetIPTablesRequest{Data: []byte("*\n")}},
		{`SetIPTables {"data": "Kgo="}`, &protocols.SetIPTablesRequest{Data: []byte("*\n")}},
		{`CreateSandbox json://{"sandbox_id": "1234"}`, &protocols.CreateSandboxRequest{SandboxId: "1234"}},
		{`CreateSandbox sid=s1 hostname=h`, &protocols.CreateSandboxRequest{SandboxId: "s1", Hostname: "h"}},
		{`StartContainer json://{"container_id": "c"}`, &protocols.StartContainerRequest{ContainerId: "c"}},
		{`CreateContainer json://{"container_id": "c", "OCI": {"Version": "1"}}`, &protocols.CreateContainerRequest{ContainerId: "c", OCI: &protocols.Spec{Version: "1"}}},
		{`ExecProcess cid=c exec_id=e json://{"process": ` + process + `}`, &protocols.ExecProcessRequest{ContainerId: "c", ExecId: "e", Process: p}},
		{`ExecProcess cid=c process=` + process, &protocols.ExecProcessRequest{ContainerId: "c", Process: p}},
		{`SignalProcess cid=c`, &protocols.SignalProcessRequest{ContainerId: "c"}},
		{`SignalProcess cid=c signal=TERM`, &protocols.SignalProcessRequest{ContainerId: "c", Signal: 15}},
		{`SignalProcess cid=c signal=0`, &protocols.SignalProcessRequest{ContainerId: "c"}},
		{`SignalProcess json://{"container_id":"c","signal":"SIGHUP"}`, &protocols.SignalProcessRequest{ContainerId: "c", Signal: 1}},
		{`SignalProcess json://{"container_id":"c","signal":2}`, &protocols.SignalProcessRequest{ContainerId: "c", Signal: 2}},
		{`WriteStdin cid=c data="two words"`, &protocols.WriteStreamRequest{ContainerId: "c", Data: []byte("two words")}},
		{`WriteStdin cid=c data=hex:00ff`, &protocols.WriteStreamRequest{ContainerId: "c", Data: []byte{0, 255}}},
		{`ReadStdout cid=c len=7`, &protocols.ReadStreamRequest{ContainerId: "c", Len: 7}},
		{`TtyWinResize cid=c row=24 column=80`, &protocols.TtyWinResizeRequest{ContainerId: "c", Row: 24, Column: 80}},
		{`OnlineCPUMem wait=true nb_cpus=4 cpu_only=1`, nil}, // 1 is no bool
		{`OnlineCPUMem wait=true nb_cpus=4 cpu_only=true`, &protocols.OnlineCPUMemRequest{Wait: true, NbCpus: 4, CpuOnly: true}},
		{`SetGuestDateTime sec=5 usec=6`, &protocols.SetGuestDateTimeRequest{Sec: 5, Usec: 6}},
		{`ReseedRandomDev data=hex:0102`, &protocols.ReseedRandomDevRequest{Data: []byte{1, 2}}},
		{`MemHotplugByProbe memHotplugProbeAddr=0x1000,2000`, &protocols.MemHotplugByProbeRequest{MemHotplugProbeAddr: []uint64{0x1000, 0x2000}}},
		{`UpdateContainer cid=c resources={"Memory": {"Limit": 5}}`, &protocols.UpdateContainerRequest{ContainerId: "c", Resources: &protocols.LinuxResources{Memory: &protocols.LinuxMemory{Limit: 5}}}},
		{`GetVolumeStats volume_guest_path=/123`, &protocols.VolumeStatsRequest{VolumeGuestPath: "/123"}},
		{`StartContainer container_id=123`, &protocols.StartContainerRequest{ContainerId: "123"}},
		{`SetPolicy json://{"policy": "package p"}`, &protocols.SetPolicyRequest{Policy: "package p"}},
		{`CopyFile json://{"path": "/x", "data": "QQ=="}`, &protocols.CopyFileRequest{Path: "/x", Data: []byte("A")}},
		{`StartContainer cid=c json://{"unknown": 1}`, nil},
		{`StartContainer unknown=1`, nil},
		{`SignalProcess signal=NOPE`, nil},
		{`WriteStdin data=hex:xyz`, nil},
		{`MemHotplugByProbe memHotplugProbeAddr=q`, nil},
		{`CopyFile json://{"src": "/x"}`, nil},
		{`CreateContainer cid=c`, nil},
		{`ExecProcess cid=c`, nil},
		{`StartContainer json://{`, nil},
	}
	for _, c := range cases {
		got, err := built(&Values{}, c.line)
		if c.want == nil {
			if err == nil {
				t.Errorf("%s is taken: %v", c.line, got)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0].String() != c.want.String() {
			t.Errorf("%s\ngot  %v, %v\nwant %v", c.line, got, err, c.want)
		}
	}
}

func TestValuesAreFilledIn(t *testing.T) {
	v := &Values{Auto: true}
	build := func(line string) protocols.Message {
		t.Helper()
		got, err := built(v, line)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", line, got, err)
		}
		return got[0]
	}
	sandbox := build("CreateSandbox").(*protocols.CreateSandboxRequest)
	if len(sandbox.SandboxId) != 64 {
		t.Errorf("sandbox id %q", sandbox.SandboxId)
	}
	wait := build("WaitProcess").(*protocols.WaitProcessRequest)
	if len(wait.ContainerId) != 64 || wait.ExecId != wait.ContainerId {
		t.Errorf("made up ids: %v", wait)
	}
	if again := build("WaitProcess"); again.String() != wait.String() {
		t.Errorf("then %v", again)
	}
	build("SignalProcess cid=c exec_id=e")
	if got := build("WaitProcess").(*protocols.WaitProcessRequest); got.ContainerId != "c" || got.ExecId != "e" {
		t.Errorf("ids of the command before: %v", got)
	}
	// What JSON gives is kept, and used from then on.
	build(`StatsContainer json://{"container_id": "d"}`)
	if got := build("PauseContainer").(*protocols.PauseContainerRequest); got.ContainerId != "d" {
		t.Errorf("id from JSON: %v", got)
	}
	if got := build("CreateContainer cid=f OCI={}").(*protocols.CreateContainerRequest); got.ExecId != "f" {
		t.Errorf("the first process is %v", got)
	}
	if got := build("ReadStdout").(*protocols.ReadStreamRequest); got.Len != readLen {
		t.Errorf("len: %v", got)
	}
	if got := build(`ExecProcess json://{"process": {"Args": ["id"]}}`).(*protocols.ExecProcessRequest); !slices.Equal(got.Process.Env, []string{defaultPath}) {
		t.Errorf("environment %v, want the usual PATH for a process that has none", got.Process.Env)
	}
	if got := build(`ExecProcess json://{"process": {"Args": ["id"], "Env": ["PATH=/x"]}}`).(*protocols.ExecProcessRequest); !slices.Equal(got.Process.Env, []string{"PATH=/x"}) {
		t.Errorf("environment %v, want that of the process", got.Process.Env)
	}
	if got := build("GetGuestDetails").(*protocols.GuestDetailsRequest); !got.MemBlockSize || !got.MemHotplugProbe {
		t.Errorf("details: %v", got)
	}
	if got := build("GetGuestDetails mem_block_size=true").(*protocols.GuestDetailsRequest); got.MemHotplugProbe {
		t.Errorf("details: %v", got)
	}
	if got := build("SetGuestDateTime").(*protocols.SetGuestDateTimeRequest); got.Sec == 0 {
		t.Errorf("time: %v", got)
	}
	if got := build("ReseedRandomDev").(*protocols.ReseedRandomDevRequest); len(got.Data) == 0 {
		t.Errorf("random: %v", got)
	}
}

func TestFromABundle(t *testing.T) {
	dir := t.TempDir()
	config := `{"ociVersion":"1.1.0","process":{"args":["x"],"cwd":"/"},"root":{"path":"r"},"hooks":{"prestart":[{"path":"/h"}]}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	v := &Values{BundleDir: dir}
	got, err := built(v, `CreateContainer json://{"id": "c"}`)
	if err != nil {
		t.Fatal(err)
	}
	c := got[0].(*protocols.CreateContainerRequest)
	if c.ContainerId != "c" || c.OCI.Root.Path != dir+"/r" || c.OCI.Hooks != nil {
		t.Errorf("create: %v", c)
	}
	got, err = built(v, "ExecProcess cid=c exec_id=e")
	if err != nil || got[0].(*protocols.ExecProcessRequest).Process.Args[0] != "x" {
		t.Errorf("exec: %v, %v", got, err)
	}
	got, err = built(&Values{}, "ExecProcess cid=c exec_id=e spec=file://"+dir+"/config.json")
	if err != nil || got[0].(*protocols.ExecProcessRequest).Process.Args[0] != "x" {
		t.Errorf("exec by spec: %v, %v", got, err)
	}
}

func TestSetPolicyFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.rego")
	if err := os.WriteFile(file, []byte("package p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`SetPolicy json://{"policy_file": "` + file + `"}`, "SetPolicy policy_file=" + file} {
		got, err := built(&Values{}, line)
		if err != nil || got[0].(*protocols.SetPolicyRequest).Policy != "package p\n" {
			t.Errorf("%s: %v, %v", line, got, err)
		}
	}
}

func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("0123456789abcdef", chunkSize/16) + strings.Repeat("x", chunkSize) + "tail"
	for name, text := range map[string]string{"big": content, "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("big", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got, err := built(&Values{}, fmt.Sprintf(`CopyFile json://{"src": %q, "dest": "/shared/d"}`, dir))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	copied := ""
	for _, m := range got {
		r := m.(*protocols.CopyFileRequest)
		list = append(list, fmt.Sprintf("%s %o %d+%d/%d", r.Path, r.FileMode&0o170000, r.Offset, len(r.Data), r.FileSize))
		if r.Path == "/shared/d/big" {
			copied += string(r.Data)
		}
		if r.DirMode != 0o750 || int(r.Uid) != os.Getuid() {
			t.Errorf("%v", r)
		}
	}
	want := []string{
		"/shared/d 40000 0+0/0",
		"/shared/d/big 100000 0+1048576/2097156", "/shared/d/big 100000 1048576+1048576/2097156", "/shared/d/big 100000 2097152+4/2097156",
		"/shared/d/empty 100000 0+0/0", "/shared/d/link 120000 0+3/3",
	}
	if strings.Join(list, "\n") != strings.Join(want, "\n") || copied != content {
		t.Errorf("got\n%s", strings.Join(list, "\n"))
	}
}

func TestUnpackRefusesPaths(t *testing.T) {
	v := &Values{ImageDir: t.TempDir()}
	for _, id := range []string{"", "..", "a/b", "../x", "."} {
		if dir, err := v.unpack("image", id); err == nil {
			t.Errorf("id %q gives %s", id, dir)
		}
	}
}

// TestFromAnImage has stand-ins for the two programs that know images.
func TestFromAnImage(t *testing.T) {
	bin, v := t.TempDir(), &Values{Auto: true, ImageDir: t.TempDir()}
	for name, program := range map[string]string{
		"skopeo": `[ "$1 $2" = "copy docker://example/image:1" ] && mkdir "${3#oci:}"`,
		"umoci":  `[ "$1 $2" = "unpack --image" ] && [ -d "${3%:latest}:latest" ] && mkdir "$4" && echo '{"process":{"args":["from image"]},"root":{"path":"rootfs"}}' > "$4/config.json"`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+program+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	got, err := built(v, `CreateContainer json://{"image": "example/image:1", "id": "c"}`)
	if err != nil {
		t.Fatal(err)
	}
	c := got[0].(*protocols.CreateContainerRequest)
	_, dir := v.places("c")
	if c.ContainerId != "c" || c.OCI.Process.Args[0] != "from image" || c.OCI.Root.Path != dir+"/rootfs" {
		t.Errorf("%v", c)
	}
	r := &Runner{Values: *v, Caller: &recorder{}, Out: io.Discard, Log: slog.New(slog.DiscardHandler)}
	if err := r.Run(t.Context(), Lines([]string{`RemoveContainer json://{"container_id": "c"}`})); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the bundle is still there: %v", err)
	}
	if _, err := built(v, `CreateContainer json://{"image": "example/none", "id": "d"}`); err == nil || !strings.Contains(err.Error(), "--bundle-dir") {
		t.Errorf("an image that is not there: %v, want an error with %q", err, "--bundle-dir")
	}
}
