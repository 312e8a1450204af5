// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/guard"
)

// printed collects the lines of a component.
type printed struct {
	mu    sync.Mutex
	lines []string
}

func (p *printed) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
}

func (p *printed) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}

// await waits for a line that begins so, and returns its rest.
func (p *printed) await(t *testing.T, prefix string) (rest string) {
	t.Helper()
	guard.Until(t, "a line with "+prefix, func() bool {
		for _, line := range p.all() {
			if after, ok := strings.CutPrefix(line, prefix); ok {
				rest = after
				return true
			}
		}
		return false
	})
	return rest
}

// shell is a component that is a script.
func shell(script string, args ...string) Process {
	return Process{ID: "component", Path: "/bin/sh", Args: append([]string{"-c", script, "sh"}, args...)}
}

func run(t *testing.T, p Process) (*Running, *printed) {
	t.Helper()
	var out printed
	r, err := Start(p, out.add)
	if err != nil {
		t.Fatal(err)
	}
	return r, &out
}

func wantExit(t *testing.T, ctx context.Context, r *Running, want int) {
	t.Helper()
	if exit, err := r.Wait(ctx); err != nil || exit.Code != want {
		t.Errorf("ended with %d, %v, want %d", exit.Code, err, want)
	}
	if err := unix.Kill(r.PID(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process %d: %v, want it reaped", r.PID(), err)
	}
}

// TestStart: arguments, environment, working directory, both outputs, and the status.
func TestStart(t *testing.T) {
	t.Setenv("GOMAXPROCS", "1")
	t.Setenv("INHERITED", "from the agent")
	t.Setenv("CHANGED", "old")
	config := filepath.Join(t.TempDir(), "c.toml")
	p := shell(`echo "args $*"; echo "env $INHERITED, $CHANGED, ${GOMAXPROCS-unset}" >&2; pwd; readlink /proc/self/fd/0; exit 3`, "one")
	p.Env, p.Config = []string{"CHANGED=new"}, config
	r, out := run(t, p)
	wantExit(t, t.Context(), r, 3)
	want := []string{"args one", "env from the agent, new, unset", "/", "/dev/null"}
	if got := out.all(); !slices.Equal(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, out = run(t, p)
	wantExit(t, t.Context(), r, 3)
	if got := out.all()[0]; got != "args one -c "+config {
		t.Errorf("printed %q, want the configuration that is there now", got)
	}
}

// TestLines: what a component prints comes line by line, whatever it is.
func TestLines(t *testing.T) {
	long := strings.Repeat("x", longest+10)
	r, out := run(t, shell(`printf 'a\r\n\nb\377\nc'; printf "\n$1\n"; printf end`, long))
	wantExit(t, t.Context(), r, 0)
	want := []string{"a", "b\uFFFD", "c", long[:longest], long[longest:], "end"}
	if got := out.all(); !slices.Equal(got, want) {
		t.Errorf("printed %.60q, want %.60q", got, want)
	}
}

// TestEnd: with the context a component ends, and what it has started with it; one that does not want to
// is killed.
func TestEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		want   int
	}{
		"ends when it is told to": {`trap 'echo told; exit 5' TERM; sleep 1000 & echo child $!; echo ready; wait`, 5},
		"does not want to":        {`trap '' TERM; sleep 1000 & echo child $!; echo ready; while :; do wait; done`, 128 + 9},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			r, out := run(t, shell(tc.script))
			child, _ := strconv.Atoi(out.await(t, "child "))
			out.await(t, "ready")
			end()
			wantExit(t, ctx, r, tc.want)
			wantGone(t, child)
		})
	}
}

// wantGone waits for the end of a descendant, which is reaped by somebody else.
func wantGone(t *testing.T, pid int) {
	t.Helper()
	guard.Until(t, "a descendant is killed", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// TestDescendantsEndToo: also when the component ends by itself.
func TestDescendantsEndToo(t *testing.T) {
	r, out := run(t, shell(`sleep 1000 & echo child $!`))
	wantExit(t, t.Context(), r, 0)
	child, _ := strconv.Atoi(out.await(t, "child "))
	wantGone(t, child)
	r, _ = run(t, shell("sleep 1000"))
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := unix.Kill(r.PID(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process %d: %v, want it reaped", r.PID(), err)
	}
}

// TestRoomForTheSocket: its directory is made, and what an earlier start has left is removed.
func TestRoomForTheSocket(t *testing.T) {
	p := shell(`[ -e "$1" ] && echo stale; echo end`)
	p.Socket = filepath.Join(t.TempDir(), "new/dir/s")
	p.Args = append(p.Args, p.Socket)
	for range 2 {
		r, out := run(t, p)
		wantExit(t, t.Context(), r, 0)
		if got := out.all(); !slices.Equal(got, []string{"end"}) {
			t.Errorf("printed %q, want no stale socket", got)
		}
		l, err := net.Listen("unix", p.Socket)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
}

// TestStartErrors: why a component cannot be started is told with its name, and nothing is left of it.
func TestStartErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{"/no/such/program": fs.ErrNotExist, text: unix.ENOEXEC, "/etc": fs.ErrPermission} {
		_, err := Start(Process{ID: "attestation-agent", Path: path}, func(string) {})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "start attestation-agent") {
			t.Errorf("%s: got %v, want %v with the component's name", path, err, want)
		}
	}
}
