// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// A container's life by the verbs that people know.
func TestVerbs(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "c1\n"}, "", "run", "-d", "--id", "c1", p.bundle, "--", "sh", "-c", "echo hello; echo bad >&2; exec sleep 1000")
	guard.Until(t, "the first output is printed", func() bool { return strings.Contains(p.run("", "logs", "c1").stdout, "hello") })
	p.want(result{stdout: "c1\n"}, "", "pause", "c1")
	p.want(result{stdout: "c1\n"}, "", "resume", "c1")
	p.want(result{stdout: "c1\n"}, "", "update", "--memory", "64m", "--pids", "50", "c1")
	var stats map[string]struct {
		Cgroup struct {
			Memory struct {
				Usage struct{ Limit json.Number }
			} `json:"memory_stats"`
		} `json:"cgroup_stats"`
	}
	got := p.run("", "stats", "c1")
	if err := json.Unmarshal([]byte(got.stdout), &stats); err != nil || stats["c1"].Cgroup.Memory.Usage.Limit != "67108864" {
		t.Errorf("stats: %v, limit %q, want 67108864\n%s", err, stats["c1"].Cgroup.Memory.Usage.Limit, got.stdout)
	}
	if got := p.run("", "stats", "-o", "table", "--interval", "10ms", "c1"); !strings.Contains(got.stdout, "64.0 MiB") ||
		!strings.HasPrefix(got.stdout, "CONTAINER") {
		t.Errorf("table of statistics: %+v, want a row with the limit of 64.0 MiB", got)
	}
	p.want(result{stdout: "session\n"}, "", "exec", "-d", "--exec-id", "session", "c1", "--", "sh", "-c", "sleep 1000")
	p.want(result{stdout: "c1\n"}, "", "kill", "--exec", "session", "-s", "KILL", "c1")
	p.want(result{stdout: "137\n"}, "", "wait", "--exec", "session", "c1")
	p.want(result{stdout: "c1\n"}, "", "kill", "c1")
	p.want(result{stdout: "137\n"}, "", "wait", "c1")
	if got := p.run("", "rm", "nobody", "c1"); got.status != 1 || got.stdout != "c1\n" || !strings.Contains(got.stderr, "nobody") {
		t.Errorf("rm of two, one of which is not there: %+v, want c1 removed and an error about the other", got)
	}
	for _, args := range [][]string{{"update", "c1"}, {"update", "--memory", "64MB", "c1"}, {"kill", "-s", "NONE", "c1"}, {"stats", "-o", "xml", "c1"}} {
		if got := p.run("", args...); got.status != 1 || !strings.Contains(got.stderr, "Usage:") {
			t.Errorf("%v: %+v, want status 1 and the usage", args, got)
		}
	}
}

// Attached, one gets the output, the input, the signals and the status of what runs already.
func TestAttach(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "c1\n"}, "", "run", "-d", "--id", "c1", p.bundle, "--", "sh", "-c", "echo ready; read line; echo got $line; exit 5")
	p.want(result{stdout: "ready\ngot a word\n", status: 5}, "a word\n", "attach", "--stdin", "c1")
	p.want(result{stdout: "c1\n"}, "", "rm", "c1")
}

// Files go in and come out with their bytes and modes.
func TestCopy(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "c1\n"}, "", "run", "-d", "--id", "c1", p.bundle)
	dir := t.TempDir()
	data := bytes.Repeat([]byte("all bytes \x00\xff\n"), 50_000)
	if err := os.MkdirAll(filepath.Join(dir, "tree/below"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tree/below/file"), data, 0o640); err != nil {
		t.Fatal(err)
	}
	p.want(result{}, "", "cp", filepath.Join(dir, "tree"), "c1:/tmp")
	p.want(result{}, "", "cp", "c1:/tmp/tree", filepath.Join(dir, "back"))
	got, err := os.ReadFile(filepath.Join(dir, "back/tree/below/file"))
	info, statErr := os.Stat(filepath.Join(dir, "back/tree/below/file"))
	if err != nil || statErr != nil || !bytes.Equal(got, data) || info.Mode().Perm() != 0o640 {
		t.Errorf("%d bytes of %d came back, %v, %v", len(got), len(data), err, statErr)
	}
	if got := p.run("", "cp", "c1:/not/there", dir); got.status != 1 || !strings.Contains(got.stderr, "status 1") {
		t.Errorf("a file that is not there: %+v, want status 1 and tar's", got)
	}
	if got := p.run("", "cp", dir, dir); got.status != 1 || !strings.Contains(got.stderr, "Usage:") {
		t.Errorf("no container: %+v, want the usage", got)
	}
	p.want(result{stdout: "c1\n"}, "", "rm", "c1")
}

// A bundle of busybox runs as it is, and with arguments of one's own.
func TestBundle(t *testing.T) {
	p := newPod(t)
	dir := filepath.Join(t.TempDir(), "bundle")
	p.want(result{}, "", "bundle", dir)
	p.want(result{stdout: "from busybox\n"}, "", "run", "--rm", dir, "--", "echo", "from", "busybox")
	if got := p.run("", "bundle", dir); got.status != 1 || !strings.Contains(got.stderr, "exists") {
		t.Errorf("a second bundle in the same place: %+v, want an error", got)
	}
}
