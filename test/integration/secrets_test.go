// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// geheim is the secret of this test.
const geheim = "geheim-7f3a"

// onlySafe is a policy that lets everything through but one session.
const onlySafe = `package agent_policy
default AllowRequestsFailingPolicy := false
` + allowAll + `
ExecProcessRequest if input.exec_id != "denied"
`

const allowAll = `
default CreateSandboxRequest := true
default CreateContainerRequest := true
default StartContainerRequest := true
default RemoveContainerRequest := true
default DestroySandboxRequest := true
default CopyFileRequest := true
default WriteStreamRequest := true
default ReadStreamRequest := true
default WaitProcessRequest := true
default SignalProcessRequest := true
default SetPolicyRequest := true
default GetDiagnosticDataRequest := true
default UpdateContainerRequest := true
`

// TestNoSecretIsTold sends a secret in every field that may hold one, to calls that succeed, that fail
// at different places and that a policy denies, with the fullest log and with tracing. Neither log nor
// errors nor spans have it.
func TestNoSecretIsTold(t *testing.T) {
	f := harness.NewForwarder(t)
	p := newPod(t, harness.Options{Policy: onlySafe, Cmdline: "agent.log=debug agent.trace agent.trace_endpoint=" + f.Endpoint})
	p.Make("c1", "sleep", "10000")
	var answers []string
	told := func(err error) {
		if err != nil {
			answers = append(answers, err.Error())
		}
	}
	for name, change := range map[string]func(*protocols.Process){
		"fine": func(p *protocols.Process) {}, "denied": func(p *protocols.Process) {},
		"nowhere": func(p *protocols.Process) { p.Cwd = "/nowhere" }, "no program": func(p *protocols.Process) { p.Args = []string{"/nowhere"} },
		"torn": func(p *protocols.Process) { p.Env = append(p.Env, geheim) }, "zero": func(p *protocols.Process) { p.Env = append(p.Env, "A="+geheim+"\x00") },
		"limit":  func(p *protocols.Process) { p.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NONE"}} },
		"nobody": func(p *protocols.Process) { p.User.UID = 1<<32 - 1 },
	} {
		session := harness.Process("cat")
		session.Env = append(session.Env, "PASSWORD="+geheim)
		change(session)
		told(p.Exec(p.Ctx, "c1", name, session))
		spec := p.Spec("c2", p.Rootfs, "true")
		spec.Process = session
		if err := p.Create(p.Ctx, "c2", spec); err == nil {
			p.Delete("c2")
		} else {
			told(err)
		}
	}
	if len(answers) < 8 {
		t.Errorf("only %d calls failed: %q", len(answers), answers)
	}
	_, err := p.WriteStdin(p.Ctx, "c1", "fine", []byte(geheim))
	told(err)
	told(p.Do(p.Ctx, "CopyFile", &protocols.CopyFileRequest{Path: "/elsewhere", Data: []byte(geheim), FileSize: 100, FileMode: 0o100600}))
	told(p.Do(p.Ctx, "SetPolicy", &protocols.SetPolicyRequest{Policy: "package agent_policy\nkey := \"" + geheim + "\"\nbroken := {"}))
	for _, a := range answers {
		if strings.Contains(a, geheim) {
			t.Errorf("an answer tells it: %s", a)
		}
	}
	p.Must(p.DestroySandbox(p.Ctx))
	p.WaitExit()
	if log := p.Log(); strings.Contains(log, geheim) {
		i := strings.Index(log, geheim)
		t.Errorf("the log tells it: %s", log[max(0, i-200):min(len(log), i+100)])
	}
	if strings.Contains(string(f.Raw()), geheim) {
		t.Error("the spans tell it")
	}
}
