// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/harness"
)

// A life is create, start, kill, wait and remove of a container. Its steps are what the client waits for.
var lifeSteps = []struct {
	name string
	do   func(ctx context.Context, a *harness.Agent, l life) error
}{
	{"create", func(ctx context.Context, a *harness.Agent, l life) error {
		return a.Create(ctx, l.id, a.Spec(l.id, l.root, "sleep", "1000"))
	}},
	{"start", func(ctx context.Context, a *harness.Agent, l life) error { return a.StartContainer(ctx, l.id) }},
	{"kill-to-exit", func(ctx context.Context, a *harness.Agent, l life) error {
		if err := a.Signal(ctx, l.id, "", 9); err != nil {
			return err
		}
		_, err := a.Wait(ctx, l.id, l.id)
		return err
	}},
	{"remove", func(ctx context.Context, a *harness.Agent, l life) error { return a.Remove(ctx, l.id) }},
}

// life is the container of one.
type life struct{ id, root string }

// live leads one life and returns what each step took.
func live(b *testing.B, ctx context.Context, a *harness.Agent, root string) (took []time.Duration) {
	b.Helper()
	l := life{fmt.Sprintf("life%d", serial.Add(1)), root}
	for _, step := range lifeSteps {
		begin := time.Now()
		guesttest.Must(b, step.do(ctx, a, l))
		took = append(took, time.Since(begin))
	}
	return took
}

func sum(all []time.Duration) (total time.Duration) {
	for _, d := range all {
		total += d
	}
	return total
}

// coldPause is how long nothing happens before a cold life: the kernel then has to wait for a grace period of RCU
// when a process is moved into a cgroup, unless these are mounted with favordynmods.
const coldPause = 2 * time.Second

// BenchmarkLifeCold reports a life after a pause beside one right behind it. Where the cgroups are those
// of a machine without favordynmods, as on a developer's, the first is much slower.
func BenchmarkLifeCold(b *testing.B) {
	a, root := pod(b)
	const lives = 10
	for b.Loop() {
		var cold, hot []time.Duration
		for range lives {
			time.Sleep(coldPause)
			cold = append(cold, sum(live(b, b.Context(), a, root)))
			hot = append(hot, sum(live(b, b.Context(), a, root)))
		}
		slices.Sort(cold)
		slices.Sort(hot)
		b.ReportMetric(quantile(cold, .5)/quantile(hot, .5), "cold/hot")
		b.ReportMetric(quantile(cold, .5)/1000, "cold-ms")
		b.ReportMetric(quantile(hot, .5)/1000, "hot-ms")
	}
}

// BenchmarkLifeSteps reports the steps of a life as its client sees them, and below them, with "agent" in
// front, those of the agent by its spans: medians in microseconds. Spans cost a little themselves.
func BenchmarkLifeSteps(b *testing.B) {
	for b.Loop() {
		f := harness.NewForwarder(b)
		a, root := podWith(b, "agent.trace agent.trace_endpoint="+f.Endpoint)
		seen := make([][]time.Duration, len(lifeSteps))
		for range rounds / 4 {
			for i, took := range live(b, b.Context(), a, root) {
				seen[i] = append(seen[i], took)
			}
		}
		guesttest.Must(b, a.DestroySandbox(b.Context()))
		for i, step := range lifeSteps {
			slices.Sort(seen[i])
			b.ReportMetric(quantile(seen[i], .5), step.name+"-us")
		}
		for name, took := range spansOf(f.Spans()) {
			slices.Sort(took)
			b.ReportMetric(quantile(took, .5), "agent/"+strings.ReplaceAll(name, " ", "-")+"-us")
		}
	}
}

// spansOf are the times of the spans of lives, by their path of names.
func spansOf(all []harness.Span) map[string][]time.Duration {
	out := map[string][]time.Duration{}
	for _, s := range all {
		switch s.Name {
		case "create_container", "start_container", "signal_process", "wait_process", "remove_container":
			harness.Walk(all, s, func(path string, s harness.Span) {
				out[path] = append(out[path], s.End.Time().Sub(s.Start.Time()))
			})
		}
	}
	return out
}

// BenchmarkLifeAtATime8 reports how many containers a second are created and started, eight at a time, and
// then how many removed; and the processor time that the agent and all its children take for one. On an idle
// machine that times the rate is what the processors give, unless something makes one wait for another.
func BenchmarkLifeAtATime8(b *testing.B) {
	a, root := pod(b)
	const total, width = 80, 8
	for b.Loop() {
		var ids []string
		for range total {
			ids = append(ids, fmt.Sprintf("life%d", serial.Add(1)))
		}
		begin := spent(b, a.Pid)
		b.ReportMetric(rate(b, ids, width, func(id string) error {
			if err := a.Create(b.Context(), id, a.Spec(id, root, "sleep", "1000")); err != nil {
				return err
			}
			return a.StartContainer(b.Context(), id)
		}), "created-started/s")
		b.ReportMetric(rate(b, ids, width, func(id string) error { return a.Remove(b.Context(), id) }), "removed/s")
		b.ReportMetric(float64(spent(b, a.Pid)-begin)/total/float64(time.Millisecond), "cpu-ms/life")
	}
}

// tick is the unit of times in /proc (USER_HZ), which is a hundredth of a second on all of Go's platforms.
const tick = 10 * time.Millisecond

// spent is the processor time of a process and of the children it has reaped (proc_pid_stat(5)).
func spent(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	guesttest.Must(b, err)
	// Behind the name, which may hold anything, the fields begin with the third.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const utime, cstime = 14 - 3, 17 - 3
	var ticks time.Duration
	for _, f := range fields[utime : cstime+1] {
		n, err := strconv.Atoi(f)
		guesttest.Must(b, err)
		ticks += time.Duration(n)
	}
	return ticks * tick
}

// rate does something for each id, several at a time, and returns how many a second.
func rate(b *testing.B, ids []string, width int, do func(id string) error) float64 {
	begin := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range width {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(ids) {
					return
				}
				if err := do(ids[i]); err != nil {
					b.Errorf("%s: %v", ids[i], err)
				}
			}
		})
	}
	wg.Wait()
	return float64(len(ids)) / time.Since(begin).Seconds()
}

// BenchmarkCreationCPU reports the processor time that a container's cgroup has been charged with when its
// creation is answered. A container with a limit of a hundredth of a processor pays for it.
func BenchmarkCreationCPU(b *testing.B) {
	a, root := pod(b)
	for b.Loop() {
		var charged []time.Duration
		for range rounds / 10 {
			id := fmt.Sprintf("life%d", serial.Add(1))
			guesttest.Must(b, a.Create(b.Context(), id, a.Spec(id, root, "sleep", "1000")))
			charged = append(charged, cpuOf(b, filepath.Join(a.Cgroup, id)))
			guesttest.Must(b, a.Remove(b.Context(), id))
		}
		slices.Sort(charged)
		b.ReportMetric(quantile(charged, .5)/1000, "charged-ms")
	}
}

// cpuOf is the processor time of a cgroup: cpuacct.usage in nanoseconds (cgroup v1), or usage_usec of
// cpu.stat (v2).
func cpuOf(b *testing.B, group string) time.Duration {
	b.Helper()
	const top = "/sys/fs/cgroup"
	if text, err := os.ReadFile(filepath.Join(top, "cpuacct", group, "cpuacct.usage")); err == nil {
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		guesttest.Must(b, err)
		return time.Duration(n)
	}
	text, err := os.ReadFile(filepath.Join(top, group, "cpu.stat"))
	guesttest.Must(b, err)
	return time.Duration(cmp.Or(field(string(text), "usage_usec"), 0)) * time.Microsecond
}
