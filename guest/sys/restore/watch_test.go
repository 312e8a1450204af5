// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// machine is a guest whose signs a test makes.
type machine struct {
	t      *testing.T
	places Places
	seen   []Seen
	watch  *Watch
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{t: t, places: Places{
		Drivers: []string{filepath.Join(dir, "none"), filepath.Join(dir, "vmgenid")},
		Kmsg:    filepath.Join(dir, "kmsg"), VMClock: filepath.Join(dir, "vmclock0"),
	}}
	m.write(m.places.Kmsg, "5,1,1,-;random: crng reseeded due to virtual machine fork\n") // before the agent
	return m
}

func (m *machine) open() {
	m.t.Helper()
	w, err := Open(m.places, func(s Seen) { m.seen = append(m.seen, s) })
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(w.Close)
	m.watch = w
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		m.t.Fatal(err)
	}
}

// sees looks and compares what was told.
func (m *machine) sees(what string, want ...Seen) {
	m.t.Helper()
	m.seen = nil
	m.watch.Look()
	if !slices.Equal(m.seen, want) {
		m.t.Errorf("%s: seen %v, want %v", what, m.seen, want)
	}
}

// vmclock writes the page.
func (m *machine) vmclock(disruption, generation, flags uint64) {
	m.t.Helper()
	b := make([]byte, vmclockSize)
	binary.LittleEndian.PutUint32(b, vmclockMagic)
	binary.LittleEndian.PutUint64(b[vmclockDisruption:], disruption)
	binary.LittleEndian.PutUint64(b[vmclockFlags:], flags)
	binary.LittleEndian.PutUint64(b[vmclockGeneration:], generation)
	f, err := os.OpenFile(m.places.VMClock, os.O_WRONLY|os.O_CREATE, 0o600) // in place, as a page is
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) generation() {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Join(m.places.Drivers[1], "VMGENCTR:00"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// TestKernelMessage is seen once, if it is the kernel's and came after the start.
func TestKernelMessage(t *testing.T) {
	m := newMachine(t)
	m.generation()
	m.open()
	m.sees("what the kernel has said before")
	m.write(m.places.Kmsg, "6,2,2,-;eth0: renamed\n")
	m.sees("another message")
	m.write(m.places.Kmsg, "13,3,3,-;random: crng reseeded due to virtual machine fork\n")
	m.sees("a program's message with the same words")
	m.write(m.places.Kmsg, "5,4,4,-;random: crng reseeded due to virtual machine fork\n")
	m.sees("the kernel's message", Restored)
	m.sees("the look after it")
}

// TestNoGenerationNoLog: the kernel's log wakes with each line, so it is not read where the message
// cannot come.
func TestNoGenerationNoLog(t *testing.T) {
	m := newMachine(t)
	m.open()
	if got, want := m.watch.Names(), []string{"steps of the wall clock"}; !slices.Equal(got, want) {
		t.Errorf("watched: %q, want %q", got, want)
	}
	if got := m.watch.Descriptors(); len(got) != 1 {
		t.Errorf("descriptors %v, want one", got)
	}
}

func TestVMClock(t *testing.T) {
	m := newMachine(t)
	m.vmclock(1, 1, vmclockHasGeneration)
	m.open()
	m.sees("an unchanged page")
	m.vmclock(2, 1, vmclockHasGeneration)
	m.sees("a disruption, as a move to another host is", StoodStill)
	m.vmclock(3, 2, vmclockHasGeneration)
	m.sees("another generation", Restored)
	m.vmclock(3, 9, 0)
	m.vmclock(3, 8, 0)
	m.sees("a page whose generation does not count any more", Restored)
	m.vmclock(3, 7, 0)
	m.sees("what is no generation")
}

// TestOldVMClock has no generation, and none at all is no error.
func TestOldVMClock(t *testing.T) {
	m := newMachine(t)
	m.vmclock(1, 1, 0)
	m.open()
	m.vmclock(2, 5, 0)
	m.sees("a disruption", StoodStill)
	m.places.VMClock = "/no/such/device"
	m.open()
	m.sees("a machine without")
}

// TestWallClock: a step ahead may be the end of a pause, and one back is none.
func TestWallClock(t *testing.T) {
	s, err := openWallClock(Places{})
	if err != nil {
		t.Fatal(err)
	}
	w := s.(*wallClock)
	defer w.close()
	if seen := w.look(); seen != Nothing {
		t.Errorf("no step: seen %v, want %v", seen, Nothing)
	}
	wall, boot := time.Hour, time.Minute
	w.clocks = func() (time.Duration, time.Duration) { return wall, boot }
	w.ahead = w.measure()
	for _, c := range []struct {
		what           string
		wallBy, bootBy time.Duration
		want           Seen
	}{
		{"time passes", time.Hour, time.Hour, Nothing},
		{"a small step", time.Second, 0, Nothing},
		{"a step ahead", time.Minute, 0, StoodStill},
		{"a step back", -time.Hour, 0, Nothing},
		{"ahead again", gapLimit, 0, StoodStill},
	} {
		wall, boot = wall+c.wallBy, boot+c.bootBy
		if seen := w.compare(); seen != c.want {
			t.Errorf("%s: seen %v, want %v", c.what, seen, c.want)
		}
	}
}

// TestGap: the host's clock has gone on and the guest has not.
func TestGap(t *testing.T) {
	host, boot := time.Hour, time.Minute
	g := newGap(&PTP{read: func() (time.Duration, error) { return host, nil }})
	g.boot = func() time.Duration { return boot }
	g.ahead = host - boot
	host, boot = host+time.Hour, boot+time.Hour
	if seen := g.look(); seen != Nothing {
		t.Errorf("both go on: seen %v, want %v", seen, Nothing)
	}
	host += time.Hour
	if seen := g.look(); seen != StoodStill {
		t.Errorf("only the host goes on: seen %v, want %v", seen, StoodStill)
	}
	if seen := g.look(); seen != Nothing {
		t.Errorf("the look after it: seen %v, want %v", seen, Nothing)
	}
}

// TestPTPOfAnotherKind is not believed: a network card's clock shows what somebody has set.
func TestPTPOfAnotherKind(t *testing.T) {
	name := filepath.Join(t.TempDir(), "clock_name")
	if err := os.WriteFile(name, []byte("mlx5_ptp\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, "/no/such/file"} {
		if p, err := OpenPTP("/dev/null", n); p != nil || err != nil {
			t.Errorf("%s: got %v, %v, want no clock and no error", n, p, err)
		}
	}
}

// TestLookAgain passes over looks that come at once after one another.
func TestLookAgain(t *testing.T) {
	m := newMachine(t)
	m.generation()
	m.open()
	m.watch.Look()
	m.write(m.places.Kmsg, "5,4,4,-;random: crng reseeded due to virtual machine fork\n")
	m.watch.last.Store(int64(time.Since(epoch) + time.Hour))
	if m.watch.LookAgain(); len(m.seen) > 0 {
		t.Errorf("seen %v right after a look, want nothing", m.seen)
	}
	m.watch.last.Store(int64(time.Since(epoch) - time.Hour))
	if m.watch.LookAgain(); !slices.Equal(m.seen, []Seen{Restored}) {
		t.Errorf("seen %v, want %v", m.seen, Restored)
	}
}
