// SPDX-License-Identifier: Apache-2.0

package model

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// TestScript: what clients have done is done again by kata-agent-ctl, with the same answers.
func TestScript(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	exec1 := step{Method: "ExecProcess", Slot: 1, Program: named("seven")}
	r := execute(target(t, p), plan{
		{aCreate, aStart, exec1, aWait, step{Method: "ReadStdout", Slot: 1, Len: 32, Deadline: 1e9}},
		{{Method: "GetOOMEvent", Leave: 1e6}, {Method: "StatsContainer", Pause: 1e8}},
	}, 1, "script")
	if f := r.found(); f != nil {
		t.Fatal(f.text)
	}
	r.finding = &finding{call: r.record[len(r.record)-1].number, text: "none"}
	dir := t.TempDir()
	file, ctl := filepath.Join(dir, "commands.txt"), filepath.Join(dir, "kata-agent-ctl")
	if err := os.WriteFile(file, []byte(r.script()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := harness.BuildProgram("./cmd/kata-agent-ctl", dir); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(ctl, "--server-address", p.Address, "connect", "-n", "--ignore-errors", "--file", file).CombinedOutput()
	if !strings.Contains(string(out), `on c0: {"status":7}`) {
		t.Errorf("%v, no status 7 in what it says:\n%s\nof\n%s", err, out, r.script())
	}
	p.Delete("script-0")
}
