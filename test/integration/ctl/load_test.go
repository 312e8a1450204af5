// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// every kind of load once, small.
const every = `name = "every kind"
containers = 2
timeout = "600s"
goroutines = true

[[load]]
kind = "exec"
workers = 8
count = 100
[[load]]
name = "rated"
kind = "exec"
rate = 100
count = 50
args = ["sh", "-c", "cat /etc/none 2>/dev/null; echo done"]
output = "done\n"
[[load]]
kind = "hold"
count = 40
workers = 8
hold = "1s"
pings = 200
[[load]]
name = "silent"
kind = "hold"
count = 20
hold = "200ms"
args = ["sleep", "1000"]
[[load]]
kind = "stream"
workers = 2
count = 2
bytes = "9000001"
[[load]]
kind = "stdin"
count = 2
bytes = "8MiB"
[[load]]
name = "stdin by wc"
kind = "stdin"
count = 1
bytes = 100001
[[load]]
name = "stdin by hash"
kind = "stdin"
count = 1
bytes = 1000001
hash = true
[[load]]
kind = "tty"
workers = 4
count = 20
[[load]]
kind = "churn"
workers = 2
count = 6
[[load]]
kind = "pause"
workers = 2
count = 4
[[load]]
kind = "leave"
workers = 2
count = 6
[[load]]
name = "burst"
kind = "exec"
rate = 40
burst = 20
count = 40
[[load]]
kind = "containers"
count = 6
workers = 3
hold = "200ms"
[[load]]
kind = "call"
method = "Check"
rate = 50
count = 20
[[load]]
name = "refused"
kind = "call"
method = "StartContainer"
request = '{"container_id": "nobody"}'
expect = "Internal"
count = 3
[[load]]
kind = "stall"
count = 2
background = true
`

// outcome is what the test needs of a result.
type outcome struct {
	Loads []struct {
		Name                      string
		Operations, Errors, Bytes int64
	}
	Failures []string
	Samples  []struct{ Goroutines int }
	Usage    struct {
		BeforeDescriptors int `json:"before_descriptors"`
		AfterDescriptors  int `json:"after_descriptors"`
		PeakKiB           int `json:"peak_kib"`
	}
}

// readOutcome reads what "load --json" has written.
func readOutcome(t *testing.T, result string) (o outcome) {
	t.Helper()
	text, err := os.ReadFile(result)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		t.Fatalf("the result of a load: %v", err)
	}
	return o
}

func TestLoad(t *testing.T) {
	p := newPod(t)
	dir := t.TempDir()
	scenario, result, page := filepath.Join(dir, "s.toml"), filepath.Join(dir, "r.json"), filepath.Join(dir, "r.html")
	if err := os.WriteFile(scenario, []byte(every), 0o600); err != nil {
		t.Fatal(err)
	}
	// On a terminal, so that there is a line of progress.
	ctx, cancel := context.WithTimeout(context.Background(), 2*guard.Hang)
	defer cancel()
	cmd := p.command(ctx, "load", "--pid", strconv.Itoa(p.Pid), "--json", result, "--html", page, scenario)
	screen := onTerminal(t, cmd)
	shown, _ := io.ReadAll(screen) // ends with an I/O error when the program has
	_ = cmd.Wait()                 // checked by its status
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("ended with %d\n%s", code, shown)
	}
	if !bytes.Contains(shown, []byte("\x1b[K")) || !bytes.Contains(shown, []byte("failures: 0")) {
		t.Errorf("shown: %s", shown)
	}
	o := readOutcome(t, result)
	want := map[string][2]int64{ // operations and bytes
		"exec": {100, 300}, "rated": {50, 250}, "hold": {40, 0}, "hold: close": {40, 0}, "silent": {20, 0}, "silent: close": {20, 0}, "stream": {2, 18000002}, "stdin": {2, 16 << 20},
		"stdin by wc": {1, 100001}, "stdin by hash": {1, 1000001}, "churn": {6, 0},
		"pause": {4, 4 * 28}, "leave": {6, 0}, "burst": {40, 120}, "containers": {6, 0}, "containers: remove": {6, 0},
		"call": {20, 0}, "refused": {3, 0},
	}
	for _, l := range o.Loads {
		if w, ok := want[l.Name]; ok && (l.Operations != w[0] || l.Bytes != w[1]) || l.Errors != 0 || l.Operations == 0 {
			t.Errorf("%+v, want %v", l, want[l.Name])
		}
		delete(want, l.Name)
	}
	if len(want) > 0 || len(o.Failures) > 0 || o.Usage.PeakKiB == 0 {
		t.Errorf("missing %v, failures %v, usage %+v", want, o.Failures, o.Usage)
	}
	if n := len(o.Samples); n == 0 || o.Samples[n-1].Goroutines == 0 {
		t.Errorf("no goroutines in the last of %d samples", n)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("<svg")) {
		t.Errorf("report: %v", err)
	}
	got := p.run("", "compare", "--html", page, result, result)
	if got.status != 0 || !strings.Contains(got.stdout, "x 1.00") || strings.Contains(got.stdout, "worse") {
		t.Errorf("compare: %+v", got)
	}
}

// TestSoakScenario runs what "make soak" does for hours, for some seconds: too short for a trend.
func TestSoakScenario(t *testing.T) {
	p := newPod(t)
	result := filepath.Join(t.TempDir(), "r.json")
	ctx, cancel := context.WithTimeout(context.Background(), 4*guard.Hang)
	defer cancel()
	cmd := p.command(ctx, "load", "--duration", "5s", "--pid", strconv.Itoa(p.Pid), "--json", result, "../../bench/scenarios/soak.toml")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v, want no failure:\n%s", err, out)
	}
	o := readOutcome(t, result)
	for _, l := range o.Loads {
		step := strings.Contains(l.Name, ": ") // of a load whose time may be over before
		if l.Operations == 0 && !step || l.Errors != 0 {
			t.Errorf("%+v, want operations without an error", l)
		}
	}
}

// A run that is interrupted removes its containers.
func TestLoadInterrupted(t *testing.T) {
	p := newPod(t)
	scenario := filepath.Join(t.TempDir(), "s.toml")
	text := "[[load]]\nkind = \"hold\"\ncount = 10\nhold = \"1h\"\n[[load]]\nkind = \"containers\"\ncount = 2\nhold = \"1h\"\n"
	if err := os.WriteFile(scenario, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	cmd := p.command(ctx, "load", scenario)
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for p.run("", "exec", "load-containers-1", "true").status != 0 {
		if ctx.Err() != nil {
			t.Fatal("the containers do not come")
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // checked by its status
	if code := cmd.ProcessState.ExitCode(); code != 130 || ctx.Err() != nil {
		t.Errorf("ended with %d, want 130: %s", code, cmd.Stderr)
	}
	for _, id := range []string{"load-0", "load-containers-0", "load-containers-1"} {
		if got := p.run("", "exec", id, "true"); got.status != 125 {
			t.Errorf("container %s is still there: %+v", id, got)
		}
	}
}
