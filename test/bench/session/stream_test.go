// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
	"golang.org/x/sys/unix"
)

// streamTime is how long one stream measurement runs.
const streamTime = time.Second

const mib = 1 << 20

func start(b *testing.B, a *harness.Agent, args ...string) string {
	b.Helper()
	id := fmt.Sprintf("s%d", serial.Add(1))
	guesttest.Must(b, a.Exec(b.Context(), "c1", id, harness.Process(args...)))
	return id
}

func end(b *testing.B, a *harness.Agent, id string) {
	b.Helper()
	guesttest.Must(b, a.Signal(b.Context(), "c1", id, 9))
	_, err := a.Wait(b.Context(), "c1", id)
	guesttest.Must(b, err)
}

// BenchmarkReadStdout reports the median of one stream of 32 KiB reads, and of two floors
// measured in turn with it: a server of the stock library that reads the same pipe for the
// same client, and a bare pipe from the same program read in the same pieces. The processor time of the
// agent for each MiB can be compared on a machine that does other things too.
func BenchmarkReadStdout(b *testing.B) {
	a, _ := pod(b)
	floor := stock(b)
	var ours, theirs, bare, spent []float64
	for b.Loop() {
		id := start(b, a, "dd", "if=/dev/zero", "bs=65536")
		before := processorTime(b, a.Pid)
		ours = append(ours, readRate(b, a.Client, "c1", id))
		read := ours[len(ours)-1] * streamTime.Seconds()
		spent = append(spent, float64((processorTime(b, a.Pid)-before).Microseconds())/read)
		end(b, a, id)
		theirs = append(theirs, readRate(b, floor, "", ""))
		bare = append(bare, pipe(b))
	}
	report(b, ours, "MiB/s")
	report(b, spent, "agent-us/MiB")
	report(b, theirs, "stock-MiB/s")
	report(b, bare, "pipe-MiB/s")
}

// processorTime is what a process has used so far, by its own clock: clock_getcpuclockid(3).
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	const ofAllThreads = 2 // CPUCLOCK_SCHED
	var spent unix.Timespec
	guesttest.Must(b, unix.ClockGettime(int32(^pid<<3|ofAllThreads), &spent))
	return time.Duration(spent.Nano())
}

func report(b *testing.B, values []float64, unit string) {
	slices.Sort(values)
	b.ReportMetric(values[len(values)/2], unit)
	b.ReportMetric(values[0], "worst-"+unit)
	b.ReportMetric(values[len(values)-1], "best-"+unit)
}

func readRate(b *testing.B, c *harness.Client, cid, id string) float64 {
	total, begin := 0, time.Now()
	for time.Since(begin) < streamTime {
		data, err := c.ReadStdout(b.Context(), cid, id, 32<<10)
		guesttest.Must(b, err)
		total += len(data)
	}
	return float64(total) / mib / time.Since(begin).Seconds()
}

func pipe(b *testing.B) float64 {
	cmd := exec.Command("/bin/busybox", "dd", "if=/dev/zero", "bs=65536")
	r, err := cmd.StdoutPipe()
	guesttest.Must(b, err)
	guesttest.Must(b, cmd.Start())
	buf := make([]byte, 32<<10)
	total, begin := 0, time.Now()
	for time.Since(begin) < streamTime {
		n, err := r.Read(buf)
		guesttest.Must(b, err)
		total += n
	}
	rate := float64(total) / mib / time.Since(begin).Seconds()
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, r)
	_ = cmd.Wait()
	return rate
}

// BenchmarkWriteStdin reports one stream of 32 KiB writes.
func BenchmarkWriteStdin(b *testing.B) {
	a, _ := pod(b)
	data := make([]byte, 32<<10)
	for b.Loop() {
		id := start(b, a, "dd", "of=/dev/null", "bs=65536")
		total, begin := 0, time.Now()
		for time.Since(begin) < streamTime {
			n, err := a.WriteStdin(b.Context(), "c1", id, data)
			guesttest.Must(b, err)
			total += int(n)
		}
		b.ReportMetric(float64(total)/mib/time.Since(begin).Seconds(), "MiB/s")
		end(b, a, id)
	}
}

// BenchmarkEcho reports the median of a byte's way to a cat and back, and of a Check.
func BenchmarkEcho(b *testing.B) {
	a, _ := pod(b)
	id := start(b, a, "cat")
	for b.Loop() {
		var echo, check []time.Duration
		for range 2000 {
			begin := time.Now()
			guesttest.Must(b, a.Check(b.Context()))
			check = append(check, time.Since(begin))
			begin = time.Now()
			_, err := a.WriteStdin(b.Context(), "c1", id, []byte("x"))
			guesttest.Must(b, err)
			data, err := a.ReadStdout(b.Context(), "c1", id, 32<<10)
			guesttest.Must(b, err)
			if string(data) != "x" {
				b.Fatalf("echo of %q", data)
			}
			echo = append(echo, time.Since(begin))
		}
		slices.Sort(echo)
		slices.Sort(check)
		b.ReportMetric(float64(echo[len(echo)/2])/1e3, "echo-us")
		b.ReportMetric(float64(check[len(check)/2])/1e3, "check-us")
	}
	guesttest.Must(b, a.Do(b.Context(), "CloseStdin", &protocols.CloseStdinRequest{ContainerId: "c1", ExecId: id}))
}

// BenchmarkStart reports the median time from the start of the program to its first
// accepted connection, and of a bare spawn.
func BenchmarkStart(b *testing.B) {
	binary := harness.Build(b)
	var ours, bare []time.Duration
	for b.Loop() {
		bare = append(bare, floor(b))
		ours = append(ours, startTime(b, binary))
	}
	slices.Sort(ours)
	slices.Sort(bare)
	b.ReportMetric(quantile(ours, .5)/1e3, "ms")
	b.ReportMetric(quantile(bare, .5)/1e3, "floor-ms")
}

// startTime tries to connect over and over, since nothing tells when it will succeed.
func startTime(b *testing.B, binary string) time.Duration {
	path := filepath.Join(b.TempDir(), "s")
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "KATA_AGENT_SERVER_ADDR=unix://"+path, "KATA_AGENT_LOG_LEVEL=warn", "GOGC="+agentGOGC())
	begin := time.Now()
	guesttest.Must(b, cmd.Start())
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			took := time.Since(begin)
			conn.Close()
			guesttest.Must(b, cmd.Process.Signal(syscall.SIGTERM))
			_ = cmd.Wait()
			return took
		}
		if time.Since(begin) > 10*time.Second {
			b.Fatal(err)
		}
	}
}
