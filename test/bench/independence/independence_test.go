// SPDX-License-Identifier: Apache-2.0

package independence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("KATA_TEST_RACE", "0")
	harness.Main(m)
}

const (
	runs    = 5
	samples = 60
	// batch makes a sample of a call that takes microseconds as long as one of a session,
	// which a moment's interruption then does not double.
	batch = 20
	// limit is what the ninth decile may grow by in trouble, the median of all runs.
	limit = 1.5
	// longest is what no single call may take.
	longest = 3 * time.Second
)

var serial atomic.Int64

// lab is an agent with one container to measure on.
type lab struct {
	t    *testing.T
	a    *harness.Agent
	root string
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, a: harness.Start(t, harness.Options{
		Env:    []string{"KATA_AGENT_LOG_LEVEL=warn"},
		Config: "hotplug_timeout = 30\n",
	}), root: harness.Rootfs(t)}
	guesttest.Must(l.t, l.a.Do(t.Context(), "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "sb"}))
	l.container("c1")
	return l
}

func (l *lab) container(id string) {
	l.t.Helper()
	guesttest.Must(l.t, l.a.Create(l.t.Context(), id, l.a.Spec(id, l.root, "sleep", "100000")))
	guesttest.Must(l.t, l.a.StartContainer(l.t.Context(), id))
}

// calls are what is measured, on container c1.
func (l *lab) calls() map[string]func() error {
	ctx := l.t.Context()
	many := func(f func() error) func() error {
		return func() error {
			for range batch {
				if err := f(); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return map[string]func() error{
		"exec": func() error {
			out, _, err := l.a.Run(ctx, "c1", fmt.Sprintf("e%d", serial.Add(1)), "/bin/echo", "hi")
			if err == nil && out != "hi\n" {
				err = fmt.Errorf("session said %q", out)
			}
			return err
		},
		"stats": func() error {
			return l.a.Call(ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c1"}, &protocols.StatsContainerResponse{})
		},
		"signal": many(func() error { return l.a.Signal(ctx, "c1", "c1", 0) }),
		floor:    spawn,
		"check":  many(func() error { return l.a.Check(ctx) }),
	}
}

// measure gives the ninth decile of each call.
func (l *lab) measure() map[string]time.Duration {
	l.t.Helper()
	all := map[string][]time.Duration{}
	for range samples {
		for name, call := range l.calls() {
			begin := time.Now()
			guesttest.Must(l.t, call())
			took := time.Since(begin)
			if took > longest {
				l.t.Errorf("%s took %v", name, took)
			}
			all[name] = append(all[name], took)
		}
	}
	out := map[string]time.Duration{}
	for name, d := range all {
		slices.Sort(d)
		out[name] = d[len(d)*9/10]
	}
	return out
}

// tries is how often a comparison that fails is made anew. What else the machine does can
// only make one fail that should not: a coupling in the agent shows each time.
const tries = 3

// compare measures quiet and in trouble, in turn. trouble begins it and gives what ends it.
func (l *lab) compare(trouble func() (end func())) {
	l.t.Helper()
	l.measure() // everything is warm then
	for try := range tries {
		slow := l.slower(trouble)
		if len(slow) == 0 {
			return
		}
		l.t.Logf("try %d: %q are slower in trouble", try+1, slow)
	}
	l.t.Error("one container's trouble slows another's calls")
}

// slower names the calls whose p90 grows by more than the limit, relative to a bare spawn
// measured beside them, which shares whatever else the machine does.
func (l *lab) slower(trouble func() (end func())) (slow []string) {
	l.t.Helper()
	ratios := map[string][]float64{}
	for range runs {
		quiet := l.measure()
		end := trouble()
		troubled := l.measure()
		end()
		noise := max(1, float64(troubled[floor])/float64(quiet[floor]))
		for name := range quiet {
			ratios[name] = append(ratios[name], float64(troubled[name])/float64(quiet[name])/noise)
		}
	}
	for name, r := range ratios {
		slices.Sort(r)
		l.t.Logf("%-6s p90 in trouble / quiet: median %.2f of %.2f", name, r[runs/2], r)
		if r[runs/2] > limit && name != floor {
			slow = append(slow, name)
		}
	}
	return slow
}

// floor is the name of the bare spawn among the calls.
const floor = "floor"

func spawn() error { return exec.Command("/bin/busybox", "echo", "hi").Run() }

// background makes a call that is under way until it is given up.
func (l *lab) background(call func(context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	client, err := harness.Dial(l.a.Address)
	guesttest.Must(l.t, err)
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	select {
	case err := <-done:
		l.t.Fatalf("the call that is to hang has ended: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	return func() {
		cancel()
		client.Close()
		if err := <-done; !errors.Is(err, context.Canceled) && err == nil {
			l.t.Error("the call that was to hang has succeeded")
		}
	}
}

// hang is a call on a connection of its own, whose end gives the call up.
func (l *lab) hang(call func(context.Context, *harness.Client) error) func() {
	l.t.Helper()
	client, err := harness.Dial(l.a.Address)
	guesttest.Must(l.t, err)
	end := l.background(func(ctx context.Context) error { return call(ctx, client) })
	return func() { client.Close(); end() }
}

func TestCreateHangsInHook(t *testing.T) {
	l := newLab(t)
	l.compare(func() func() {
		id := fmt.Sprintf("h%d", serial.Add(1))
		spec := l.a.Spec(id, l.root, "sleep", "1")
		spec.Hooks = &protocols.Hooks{Prestart: []*protocols.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "30"}}}}
		return l.hang(func(ctx context.Context, c *harness.Client) error { return c.Create(ctx, id, spec) })
	})
}

func TestDeviceNeverComes(t *testing.T) {
	l := newLab(t)
	l.compare(func() func() {
		id := fmt.Sprintf("d%d", serial.Add(1))
		request := &protocols.CreateContainerRequest{
			ContainerId: id, OCI: l.a.Spec(id, l.root, "sleep", "1"),
			Storages: []*protocols.Storage{{
				Driver: "mmioblk", Source: "/dev/vdneverhere", Fstype: "ext4", MountPoint: "/run/kata-containers/sandbox/storage/" + id,
			}},
		}
		return l.hang(func(ctx context.Context, c *harness.Client) error { return c.Do(ctx, "CreateContainer", request) })
	})
}

func TestContainerPaused(t *testing.T) {
	l := newLab(t)
	l.container("paused")
	id := "held"
	guesttest.Must(l.t, l.a.Exec(t.Context(), "paused", id, harness.Process("cat")))
	l.compare(func() func() {
		guesttest.Must(l.t, l.a.Do(t.Context(), "PauseContainer", &protocols.PauseContainerRequest{ContainerId: "paused"}))
		end := l.hang(func(ctx context.Context, c *harness.Client) error {
			_, err := c.ReadAll(ctx, "paused", id)
			return err
		})
		return func() {
			end()
			guesttest.Must(l.t, l.a.Do(t.Context(), "ResumeContainer", &protocols.ResumeContainerRequest{ContainerId: "paused"}))
		}
	})
}
