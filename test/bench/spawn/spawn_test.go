// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
)

// A way starts "echo hi" with its output on out and returns how to wait for it.
type way struct {
	name  string
	start func(out *os.File) (wait func(), err error)
}

func (x *box) ways() []way {
	args := []string{"/bin/busybox", "echo", "hi"}
	names := []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"}
	set, _, _ := nsexec.CapabilitySet(names)
	nnp, umask := true, uint32(0o022)
	request := nsexec.Request{
		Target: x.target, Args: args, Env: []string{"PATH=/bin", "HOME=/"}, Cwd: "/", NoNewPrivileges: true, Umask: &umask,
		Capabilities: &nsexec.Capabilities{Bounding: set, Effective: set, Permitted: set},
	}
	return []way{
		{"floor", func(out *os.File) (func(), error) {
			pid, err := syscall.ForkExec(args[0], args, &syscall.ProcAttr{Files: []uintptr{x.null.Fd(), out.Fd(), out.Fd()}})
			return func() { reap(pid) }, err
		}},
		{"helper", func(out *os.File) (func(), error) {
			r := request
			r.Files = [3]*os.File{x.null, out, out}
			p, err := x.helper.Spawn(context.Background(), &r)
			if err != nil {
				return nil, err
			}
			return func() { reap(p.Pid); p.PidFD.Close() }, nil
		}},
		{"libcontainer", func(out *os.File) (func(), error) {
			p := &libcontainer.Process{
				Args: args, Env: request.Env, Cwd: "/", Stdin: x.null, Stdout: out, Stderr: out, NoNewPrivileges: &nnp,
				Capabilities: &configs.Capabilities{Bounding: names, Effective: names, Permitted: names},
			}
			return func() { p.Wait() }, x.container.Run(p)
		}},
	}
}

func reap(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

var errOutput = errors.New("unexpected output")

// session starts, reads to the end and waits.
func (w way) session() error {
	r, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	wait, err := w.start(out)
	out.Close()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	wait()
	if err == nil && string(text) != "hi\n" {
		err = errOutput
	}
	return err
}

// BenchmarkOne runs each way in turn and reports medians, and ratios to the floor.
func BenchmarkOne(b *testing.B) {
	x := newBox(b)
	ways := x.ways()
	times := make([][]time.Duration, len(ways))
	const rounds = 300
	for b.Loop() {
		for i := range rounds {
			for n, w := range ways {
				if n == 2 && i%10 != 0 {
					continue // slow, and steady enough
				}
				start := time.Now()
				guesttest.Must(b, w.session())
				times[n] = append(times[n], time.Since(start))
			}
		}
	}
	var floor float64
	for n, w := range ways {
		slices.Sort(times[n])
		p50, p99 := quantile(times[n], 0.5), quantile(times[n], 0.99)
		if n == 0 {
			floor = p50
		}
		b.ReportMetric(p50, w.name+"-p50-us")
		b.ReportMetric(p99, w.name+"-p99-us")
		b.ReportMetric(p50/floor, w.name+"-floors")
	}
	b.ReportMetric(0, "ns/op")
}

func quantile(sorted []time.Duration, q float64) float64 {
	return float64(sorted[int(float64(len(sorted)-1)*q)]) / float64(time.Microsecond)
}

// BenchmarkMany runs 32 sessions at a time and reports sessions a second, the ways in
// turn, and ratios to the floor.
func BenchmarkMany(b *testing.B) {
	x := newBox(b)
	ways := x.ways()
	rates := make([][]float64, len(ways))
	for b.Loop() {
		for range 5 {
			for n, w := range ways {
				sessions := 2000
				if n == 2 {
					sessions = 200
				}
				rates[n] = append(rates[n], rate(b, w, sessions))
			}
		}
	}
	var floor float64
	for n, w := range ways {
		slices.Sort(rates[n])
		median := rates[n][len(rates[n])/2]
		if n == 0 {
			floor = median
		}
		b.ReportMetric(median, w.name+"/s")
		b.ReportMetric(floor/median, w.name+"-floors")
	}
	b.ReportMetric(0, "ns/op")
}

func rate(b *testing.B, w way, sessions int) float64 {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(sessions))
	var wg sync.WaitGroup
	start := time.Now()
	for range 32 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := w.session(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(sessions) / time.Since(start).Seconds()
}
