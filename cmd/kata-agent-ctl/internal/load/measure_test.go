// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRecorder(t *testing.T) {
	r := newRecorder()
	now := time.Now()
	for i := range 1000 {
		r.observe(now.Add(time.Duration(i)*time.Millisecond), time.Duration(i+1)*time.Millisecond, 10, nil)
	}
	r.point(1)
	r.observe(now.Add(time.Second), time.Hour, 0, nil) // longer than the histogram goes
	r.observe(now.Add(time.Second), time.Second, 0, errors.New("x"))
	r.point(2)
	o := r.outcome("name", "kind")
	near := func(got, want float64) bool { return math.Abs(got-want) <= want/100 }
	if o.Operations != 1001 || o.Errors != 1 || o.Bytes != 10000 || !near(o.Latency.P50, 501) || !near(o.Latency.P99, 991) ||
		!near(o.Latency.Max, 600_000) || !near(o.Latency.Min, 1) {
		t.Errorf("%+v", o)
	}
	if len(o.Points) != 2 || o.Points[0].Count != 1000 || o.Points[1].Count != 1 || !near(o.Points[0].P50, 500) {
		t.Errorf("points %+v", o.Points)
	}
	last := 0.0
	for _, p := range o.Curve {
		if p[1] < last {
			t.Errorf("the curve falls: %v", o.Curve)
		}
		last = p[1]
	}
	if empty := newRecorder().outcome("", ""); empty.Latency != (Latency{}) || empty.Curve != nil || empty.Rate != 0 {
		t.Errorf("nothing measured: %+v", empty)
	}
}

func TestExpectCycle(t *testing.T) {
	pattern := []byte("0123456789")
	right := expectCycle(pattern)
	for _, piece := range []string{"01", "23456789012", "", "3456789", "0123456789012"} {
		if err := right([]byte(piece)); err != nil {
			t.Error(err)
		}
	}
	for _, pieces := range [][]string{
		{"0123", "567"},         // one lost
		{"0123", "3456"},        // one twice
		{"01234567890", "0"},    // out of step after the end of the pattern
		{"0123456789", "01x34"}, // changed
	} {
		check := expectCycle(pattern)
		var err error
		for _, p := range pieces {
			err = errors.Join(err, check([]byte(p)))
		}
		if err == nil {
			t.Errorf("%v passes", pieces)
		}
	}
}

// tree writes files below a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestSampler looks at an agent with two threads, a helper of the same program, and a child that is
// a container's.
func TestSampler(t *testing.T) {
	status := func(anon, shmem, threads int) string {
		return fmt.Sprintf("Name:\tx\nRssAnon:\t%d kB\nRssFile:\t9 kB\nRssShmem:\t%d kB\nThreads:\t%d\n", anon, shmem, threads)
	}
	stat := func(utime, stime int) string {
		return fmt.Sprintf("1 (a b) c) S 1 1 1 0 -1 0 0 0 0 0 %d %d 5 5 20 0", utime, stime)
	}
	root := tree(t, map[string]string{
		"10/task/10/children": "11 ", "10/task/12/children": "13 99 ",
		"10/status": status(1000, 20, 7), "10/stat": stat(150, 50), "10/fd/0": "", "10/fd/1": "",
		"11/status": status(60, 0, 1), "11/stat": stat(1, 0), "11/fd/0": "",
		"13/status": status(5000, 0, 9), "13/stat": stat(999, 0), "13/fd/0": "",
		"bin/agent": "", "bin/sleep": "",
	})
	for pid, program := range map[string]string{"10": "agent", "11": "agent", "13": "sleep"} {
		if err := os.Symlink(filepath.Join(root, "bin", program), filepath.Join(root, pid, "exe")); err != nil {
			t.Fatal(err)
		}
	}
	s, err := NewSampler(root, 10)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from what the first has learnt
		got, err := s.Sample()
		want := Sample{AnonKiB: 1060, ShmemKiB: 20, CPUSeconds: 2.01, Threads: 8, Descriptors: 3, Processes: 2}
		if err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	if err := os.RemoveAll(filepath.Join(root, "10")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sample(); err == nil {
		t.Error("an agent that is gone is measured")
	}
	if _, err := NewSampler(root, 4711); err == nil {
		t.Error("a process that is not there is watched")
	}
}

// TestSamplerOfThisProcess: the kernel's files have the form that the sampler knows.
func TestSamplerOfThisProcess(t *testing.T) {
	s, err := NewSampler("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Sample()
	if err != nil || got.AnonKiB == 0 || got.Threads == 0 || got.Descriptors < 3 || got.Processes < 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUsage(t *testing.T) {
	samples := []Sample{
		{AnonKiB: 1000, Descriptors: 10, CPUSeconds: 1},
		{T: 0, AnonKiB: 1100, CPUSeconds: 2, Descriptors: 12},
		{T: 5, AnonKiB: 3000, ShmemKiB: 100, Threads: 9, Descriptors: 50, CPUSeconds: 6},
		{T: 10, AnonKiB: 1500, CPUSeconds: 7, Descriptors: 11},
	}
	// One of the samples is of a moment with garbage.
	held := []Sample{{AnonKiB: 3000, ShmemKiB: 100}, {AnonKiB: 9000}, {AnonKiB: 3000, ShmemKiB: 90}}
	u := usage(samples, held, 200)
	want := Usage{
		BeforeKiB: 1000, PeakKiB: 3100, HeldKiB: 3100, AfterKiB: 1500, PerHeldKiB: 10, CPUPercent: 50,
		PeakThreads: 9, BeforeDescriptors: 10, PeakDescriptors: 50, AfterDescriptors: 11,
	}
	if *u != want {
		t.Errorf("%+v, want %+v", *u, want)
	}
	if usage(samples[:1], nil, 0) != nil {
		t.Error("one sample is no usage")
	}
}

func TestStatusLine(t *testing.T) {
	s := Status{
		Elapsed: 12300 * time.Millisecond, Failed: 2, Latest: &Sample{AnonKiB: 2048, Descriptors: 30, Threads: 9},
		Loads: []LoadStatus{{Name: "exec", Done: 10, Of: 50, Rate: 99.6, P99: 1.25}, {Name: "hold", Done: 3, Open: 3, Bytes: 2 << 20}},
	}
	want := " 12.3 s  exec 10/50 100/s p99 1.2 ms | hold 3 (3 open) 2.0 MiB | agent 2.0 MiB, 30 fds, 9 threads | 2 FAILED"
	if got := s.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestResultRoundTrip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	r := &Result{Scenario: &Scenario{Name: "s"}, Loads: []Outcome{newRecorder().outcome("a", "exec")}}
	if err := r.Write(file); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadResult(file); err != nil || got.Scenario.Name != "s" || len(got.Loads) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"{}", "x"} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadResult(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, want an error with %q", bad, err, file)
		}
	}
}
