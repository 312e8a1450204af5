// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/harness"
)

// startPassed is start with passed streams.
func startPassed(b *testing.B, a *harness.Agent, args ...string) (string, harness.Passed) {
	b.Helper()
	id := fmt.Sprintf("s%d", serial.Add(1))
	return id, a.PassedSession(b, "c1", id, harness.Process(args...))
}

func closePassed(s harness.Passed) {
	s.Stdin.Close()
	s.Stdout.Close()
	s.Stderr.Close()
}

// BenchmarkPassedStdout reports the median of one passed stream that is read in pieces of 32 KiB,
// and of the same by requests, in turn.
func BenchmarkPassedStdout(b *testing.B) {
	a, _ := podWith(b, harness.Passing)
	var passed, requests []float64
	for b.Loop() {
		id, s := startPassed(b, a, "dd", "if=/dev/zero", "bs=65536")
		passed = append(passed, connRate(b, s.Stdout.Read))
		closePassed(s)
		end(b, a, id)
		id = start(b, a, "dd", "if=/dev/zero", "bs=65536")
		requests = append(requests, readRate(b, a.Client, "c1", id))
		end(b, a, id)
	}
	report(b, passed, "MiB/s")
	report(b, requests, "requests-MiB/s")
}

// BenchmarkPassedStdin is the same for input.
func BenchmarkPassedStdin(b *testing.B) {
	a, _ := podWith(b, harness.Passing)
	var passed, requests []float64
	for b.Loop() {
		id, s := startPassed(b, a, "dd", "of=/dev/null", "bs=65536")
		passed = append(passed, connRate(b, s.Stdin.Write))
		closePassed(s)
		end(b, a, id)
		id = start(b, a, "dd", "of=/dev/null", "bs=65536")
		requests = append(requests, connRate(b, func(data []byte) (int, error) {
			n, err := a.WriteStdin(b.Context(), "c1", id, data)
			return int(n), err
		}))
		end(b, a, id)
	}
	report(b, passed, "MiB/s")
	report(b, requests, "requests-MiB/s")
}

// connRate moves pieces of 32 KiB for a while.
func connRate(b *testing.B, move func([]byte) (int, error)) float64 {
	data := make([]byte, 32<<10)
	total, begin := 0, time.Now()
	for time.Since(begin) < streamTime {
		n, err := move(data)
		guesttest.Must(b, err)
		total += n
	}
	return float64(total) / mib / time.Since(begin).Seconds()
}

// BenchmarkPassedEcho reports the median of a byte's way to a cat and back.
func BenchmarkPassedEcho(b *testing.B) {
	a, _ := podWith(b, harness.Passing)
	id, s := startPassed(b, a, "cat")
	one := make([]byte, 1)
	for b.Loop() {
		var echo []time.Duration
		for range 2000 {
			begin := time.Now()
			_, err := s.Stdin.Write([]byte("x"))
			guesttest.Must(b, err)
			_, err = io.ReadFull(s.Stdout, one)
			guesttest.Must(b, err)
			echo = append(echo, time.Since(begin))
		}
		slices.Sort(echo)
		b.ReportMetric(float64(echo[len(echo)/2])/1e3, "echo-us")
	}
	end(b, a, id)
}

// BenchmarkPassedSession reports the median of a session from its connections to its exit status,
// output read to the end, and of one by requests, in turn.
func BenchmarkPassedSession(b *testing.B) {
	a, _ := podWith(b, harness.Passing)
	var passed, requests []time.Duration
	for b.Loop() {
		for range 50 {
			begin := time.Now()
			id, s := startPassed(b, a, "true")
			for _, c := range []net.Conn{s.Stdout, s.Stderr} {
				_, err := io.Copy(io.Discard, c)
				guesttest.Must(b, err)
			}
			_, err := a.Wait(b.Context(), "c1", id)
			guesttest.Must(b, err)
			passed = append(passed, time.Since(begin))
			closePassed(s)

			begin = time.Now()
			_, _, err = a.Run(b.Context(), "c1", fmt.Sprintf("s%d", serial.Add(1)), "true")
			guesttest.Must(b, err)
			requests = append(requests, time.Since(begin))
		}
	}
	slices.Sort(passed)
	slices.Sort(requests)
	b.ReportMetric(quantile(passed, .5)/1e3, "ms")
	b.ReportMetric(quantile(requests, .5)/1e3, "requests-ms")
}
