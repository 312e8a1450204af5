// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// initData is a disk with init data that carry a policy.
func initData(t *testing.T, policy string) string {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	text := "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = \"x = 1\"\n"
	if policy != "" {
		text += "\"policy.rego\" = '''\n" + policy + "'''\n"
	}
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	head := binary.LittleEndian.AppendUint64([]byte("initdata"), uint64(packed.Len()))
	return string(head) + packed.String()
}

// TestPolicyWithoutAnEngine is not run without its policy: an agent that is given one, in whatever
// place, and has no engine to enforce it does not start, and says so.
func TestPolicyWithoutAnEngine(t *testing.T) {
	const policy = "package agent_policy\n\ndefault CreateContainerRequest := false\n"
	file := filepath.Join(t.TempDir(), "p.rego")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		options harness.Options
		names   string
	}{
		"environment":         {harness.Options{Env: []string{"KATA_AGENT_POLICY_FILE=" + file}}, file},
		"kernel command line": {harness.Options{Cmdline: "quiet agent.policy_file=" + file}, file},
		"configuration file":  {harness.Options{Config: "policy_file = \"" + file + "\""}, file},
		"a file that lacks":   {harness.Options{Cmdline: "agent.policy_file=/nowhere.rego"}, "/nowhere.rego"},
		"the image":           {harness.Options{Policy: policy}, "/etc/kata-opa/default-policy.rego"},
		"init data":           {harness.Options{Disk: initData(t, policy)}, "/dev/vdz"},
		"broken init data":    {harness.Options{Disk: "initdata\x01"}, "/dev/vdz"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.options.Binary = harness.BuildPlain(t)
			log := harness.WantNoStart(t, tc.options)
			// On the console a sentence, in the log a line.
			if !strings.Contains(log, "\nkata-agent: ") || strings.Count(log, tc.names) < 2 {
				t.Errorf("console and log do not both name %s:\n%s", tc.names, log)
			}
		})
	}
}

// TestInitData is taken over and its digest logged; without a policy in it the agent runs.
func TestInitData(t *testing.T) {
	a := harness.Start(t, harness.Options{Disk: initData(t, "")})
	for name, want := range map[string]string{"initdata.toml": "algorithm", "aa.toml": "x = 1"} {
		got, err := os.ReadFile(a.Path("/run/confidential-containers/initdata/" + name))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %q, %v; want %q in it", name, got, err, want)
		}
	}
	a.UntilLogged(1, `"digest"`, `"sha256"`)
}

// TestPolicyOfInitData: the policy of the init data replaces the one of the guest's image.
func TestPolicyOfInitData(t *testing.T) {
	a := harness.Start(t, harness.Options{
		Policy: "package agent_policy\nStatsContainerRequest := true\n",
		Disk:   initData(t, "package agent_policy\nDestroySandboxRequest := true\nStatsContainerRequest if { print(\"here\"); false }\ndefault StatsContainerRequest := false\n"),
	})
	err := a.Do(guard.Context(t), "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c"})
	harness.Refused(t, err, codes.PermissionDenied, "StatsContainerRequest is blocked by policy: agent_policy:3: here")
	for name, o := range map[string]harness.Options{
		"/etc/kata-opa/default-policy.rego:3": {Policy: "package agent_policy\nX if {\n"},
		"/dev/vdz: policy is not usable":      {Disk: initData(t, "package agent_policy\nX if { y }\n")},
	} {
		if log := harness.WantNoStart(t, o); !strings.Contains(log, name) {
			t.Errorf("no %q in\n%s", name, log)
		}
	}
}

// TestPolicyInForce: the image's policy decides until a host that may sets another one.
func TestPolicyInForce(t *testing.T) {
	p := newPod(t, harness.Options{Policy: `package agent_policy

default AllowRequestsFailingPolicy := false
CreateSandboxRequest := true
DestroySandboxRequest := true
CreateContainerRequest if input.container_id == "good"
StartContainerRequest if input.container_id == "good"
WaitProcessRequest := true
RemoveContainerRequest := true
ReadStreamRequest := true
default ExecProcessRequest := false
ExecProcessRequest if {
	print("asked for", input.process.Args)
	input.process.Args == ["echo", "hi"]
}
SetPolicyRequest if contains(input.policy, "SetPolicyRequest")
GetDiagnosticDataRequest := true
`})
	p.Launch("good", "sleep", "1000")
	if got := p.Output("good", "e1", "echo", "hi"); got != "hi\n" {
		t.Errorf("an exec that is allowed: %q", got)
	}
	err := p.Exec(p.Ctx, "good", "e2", harness.Process("id"))
	harness.Refused(t, err, codes.PermissionDenied,
		`ExecProcessRequest is blocked by policy: /etc/kata-opa/default-policy.rego:13: asked for ["id"]`)
	harness.Refused(t, p.Create(p.Ctx, "bad", p.Spec("bad", harness.Rootfs(t), "true")), codes.Internal,
		"CreateContainerRequest: internal error policy check: unexpected eval_query result len")
	p.Must(p.Check(p.Ctx))

	set := func(text string) error {
		return p.Do(p.Ctx, "SetPolicy", &protocols.SetPolicyRequest{Policy: text})
	}
	harness.Refused(t, set("package agent_policy\nSetPolicyRequest if {"), codes.InvalidArgument, "agent_policy:2: ")
	harness.Refused(t, set("package agent_policy\n"), codes.Internal, "SetPolicyRequest: internal error")
	// The policy before is still there.
	harness.Refused(t, p.Exec(p.Ctx, "good", "e3", harness.Process("id")), codes.PermissionDenied, "is blocked by policy")
	p.Must(set(`package agent_policy
SetPolicyRequest := true
ExecProcessRequest := false
RemoveContainerRequest := true
DestroySandboxRequest := true
`))
	harness.Refused(t, p.Exec(p.Ctx, "good", "e4", harness.Process("echo", "hi")), codes.PermissionDenied,
		"ExecProcessRequest is blocked by policy: ")
}

// TestPolicyDeniesReading: to the host a read that is denied is the end of the stream, and the process
// never waits for a reader.
func TestPolicyDeniesReading(t *testing.T) {
	p := newPod(t, harness.Options{Policy: `package agent_policy
CreateSandboxRequest := true
DestroySandboxRequest := true
CreateContainerRequest := true
StartContainerRequest := true
WaitProcessRequest := true
RemoveContainerRequest := true
ExecProcessRequest := true
SetPolicyRequest := true
default ReadStreamRequest := false
`})
	p.Launch("c1", "sleep", "1000")
	// Much more than a pipe holds: the process would wait for a reader.
	p.Session("c1", "e1", "sh", "-c", "dd if=/dev/zero bs=64k count=64 2>/dev/null; echo end; exec sleep 0")
	for range 2 {
		data, err := p.ReadStdout(p.Ctx, "c1", "e1", 32<<10)
		p.Must(err)
		if len(data) != 0 {
			t.Errorf("%d bytes of a read that is denied, want none", len(data))
		}
	}
	p.WantExit("c1", "e1", 0)
	p.UntilLogged(1, "output is dropped")
	// Allowed from now on: what comes arrives.
	p.Session("c1", "e2", "sh", "-c", "echo one; while read x; do echo two; done")
	if data, err := p.ReadStdout(p.Ctx, "c1", "e2", 100); err != nil || len(data) != 0 {
		t.Errorf("%q, %v; want nothing", data, err)
	}
	p.Must(p.Do(p.Ctx, "SetPolicy", &protocols.SetPolicyRequest{Policy: `package agent_policy
DestroySandboxRequest := true
WaitProcessRequest := true
RemoveContainerRequest := true
WriteStreamRequest := true
ReadStreamRequest := true
`}))
	// What comes before the read is there may still be dropped.
	got := make(chan string, 1)
	go func() {
		data, err := p.ReadStdout(p.Ctx, "c1", "e2", 100)
		got <- fmt.Sprint(string(data), err)
	}()
	guard.Until(t, "output after the policy allows it", func() bool {
		if _, err := p.WriteStdin(p.Ctx, "c1", "e2", []byte("\n")); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	if s := <-got; !strings.HasPrefix(s, "two\n") || !strings.HasSuffix(s, "<nil>") {
		t.Errorf("after the policy allows it: %q, want two", s)
	}
}
