// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkRead reads 32 KiB at a time from a pipe that is always full enough: what one
// stream can carry at most. The writer is a process of its own, as in life.
func BenchmarkRead(b *testing.B) {
	p := newPoller(b)
	r, w := newReader(b, p)
	writer, err := os.StartProcess("/bin/busybox", []string{"busybox", "dd", "if=/dev/zero", "bs=64k"},
		&os.ProcAttr{Files: []*os.File{nil, w, nil}})
	if err != nil {
		b.Skip("needs busybox: ", err)
	}
	defer func() { writer.Kill(); writer.Wait() }()
	w.Close()
	const total = 1 << 30
	end := make(chan struct{})
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		var next func([]byte, error)
		next = func(data []byte, err error) {
			if read += len(data); read >= total || err != nil {
				end <- struct{}{}
				return
			}
			r.Read(32<<10, next)
		}
		go r.Read(32<<10, next)
		<-end
	}
}

// BenchmarkFloor is the same with blocking reads on a thread of its own.
func BenchmarkFloor(b *testing.B) {
	r, w, err := pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	writer, err := os.StartProcess("/bin/busybox", []string{"busybox", "dd", "if=/dev/zero", "bs=64k"},
		&os.ProcAttr{Files: []*os.File{nil, w, nil}})
	if err != nil {
		b.Skip("needs busybox: ", err)
	}
	defer func() { writer.Kill(); writer.Wait() }()
	w.Close()
	const total = 1 << 30
	b.SetBytes(total)
	buf := make([]byte, 32<<10)
	fd := int(r.Fd())
	for b.Loop() {
		for read := 0; read < total; {
			n, err := unix.Read(fd, buf)
			if err != nil {
				b.Fatal(err)
			}
			read += n
		}
	}
}

// BenchmarkWakeUp is the time from a write to the answer of a read that waits.
func BenchmarkWakeUp(b *testing.B) {
	p := newPoller(b)
	r, w := newReader(b, p)
	answered := make(chan time.Time, 1)
	var took []time.Duration
	for b.Loop() {
		r.Read(32<<10, func([]byte, error) { answered <- time.Now() })
		start := time.Now()
		w.Write([]byte{1})
		took = append(took, (<-answered).Sub(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// BenchmarkIdleStreams reports the memory of the agent for a stream nobody reads, and
// for one with a read that waits.
func BenchmarkIdleStreams(b *testing.B) {
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	n := min(10000, int(limit.Cur)/2-100)
	for b.Loop() {
		p := newPoller(b)
		readers, ends := make([]*Reader, n), make([]int, n)
		before := inUse()
		for i := range readers {
			var fd [2]int
			if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
				b.Fatal(err)
			}
			ends[i] = fd[1]
			var err error
			if readers[i], err = p.NewReader(os.NewFile(uintptr(fd[0]), "pipe")); err != nil {
				b.Fatal(err)
			}
		}
		idle := inUse()
		ignore := func([]byte, error) {}
		for _, r := range readers {
			r.Read(32<<10, ignore)
		}
		waiting := inUse()
		b.ReportMetric(float64(idle-before)/float64(n), "B/idle")
		b.ReportMetric(float64(waiting-before)/float64(n), "B/waiting")
		b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
		for i, r := range readers {
			r.Close()
			unix.Close(ends[i])
		}
		p.Close()
	}
	b.ReportMetric(float64(n), "streams")
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
