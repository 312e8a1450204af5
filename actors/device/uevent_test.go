// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/hotplug/hotplugtest"
	"go.uber.org/zap"
)

// disk is a matcher whose device is in "sysfs" when present says so.
type disk struct {
	name    string
	present *atomic.Bool
	rescans *atomic.Int32
	err     error
}

func newDisk(name string) disk {
	return disk{name: name, present: &atomic.Bool{}, rescans: &atomic.Int32{}}
}

func (d disk) event() hotplug.Event {
	return hotplug.Event{Action: "add", DevPath: "/devices/" + d.name, Subsystem: "block", DevName: d.name}
}
func (d disk) Match(e hotplug.Event) bool { return e.DevName == d.name }
func (d disk) Probe(string) (hotplug.Event, bool, error) {
	return d.event(), d.present.Load(), d.err
}
func (d disk) Rescan(string) error { d.rescans.Add(1); return nil }
func (d disk) String() string      { return "disk " + d.name }

const timeout = 3 * time.Second

// lab is the actor with a source of events, in a bubble with virtual time.
type lab struct {
	t      *testing.T
	ref    core.Ref
	source *hotplugtest.Source
	online chan string
	noNode atomic.Bool  // the nodes of devices are not ready yet
	paused atomic.Int64 // for how long the VM was paused, in nanoseconds
}

func run(t *testing.T, f func(l *lab)) {
	synctest.Test(t, func(t *testing.T) {
		system := core.NewSystem(zap.NewNop())
		l := &lab{t: t, source: hotplugtest.NewSource(), online: make(chan string, 10)}
		actor := New(Options{
			Listen: func() (hotplug.Source, error) { return l.source, nil },
			NodeReady: func(path string) error {
				if l.noNode.Load() {
					return fmt.Errorf("open %s: %w", path, syscall.ENXIO)
				}
				return nil
			},
			OnlineMemory: func(path string) error { l.online <- path; return nil },
		})
		actor.(*uevent).now = func() time.Time { return time.Now().Add(time.Duration(l.paused.Load())) }
		ref, err := system.Spawn("uevent", actor)
		if err != nil {
			t.Fatal(err)
		}
		l.ref = ref
		ref.Tell(Listen())
		f(l)
		if err := system.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// await asks beside the test and gives the answer and how long it took.
func (l *lab) await(m hotplug.Matcher) (answer func() (hotplug.Event, time.Duration, error)) {
	var e hotplug.Event
	var err error
	var took time.Duration
	var done sync.WaitGroup
	done.Go(func() {
		begin := time.Now()
		e, err = core.Ask(l.t.Context(), l.ref, &Await{Matcher: m, Timeout: timeout})
		took = time.Since(begin)
	})
	return func() (hotplug.Event, time.Duration, error) { done.Wait(); return e, took, err }
}

func (l *lab) wantFound(answer func() (hotplug.Event, time.Duration, error), after time.Duration) {
	l.t.Helper()
	e, took, err := answer()
	if err != nil || e.Node() == "" || took != after {
		l.t.Errorf("found %q after %v, %v; want it after %v", e.Node(), took, err, after)
	}
}

func TestThereBeforeTheRequest(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		d.present.Store(true)
		l.wantFound(l.await(d), 0)
	})
}

// TestNodeComesAfterSysfs looks in the moment between: what is in sysfs has no node yet.
func TestNodeComesAfterSysfs(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		d.present.Store(true)
		l.noNode.Store(true)
		answer := l.await(d)
		time.Sleep(5 * time.Millisecond)
		l.noNode.Store(false)
		l.source.Send(d.event())
		l.wantFound(answer, 5*time.Millisecond)
		// The same with the event lost.
		l.noNode.Store(true)
		answer = l.await(d)
		time.Sleep(5 * time.Millisecond)
		l.noNode.Store(false)
		l.source.Overflow()
		l.wantFound(answer, 5*time.Millisecond)
		// One without a node is of no use, and the error says so.
		l.noNode.Store(true)
		_, took, err := l.await(d)()
		if took != timeout || !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "open /dev/vda: no such device or address") {
			t.Errorf("after %v: %v, want %v after %v", took, err, ErrTimeout, timeout)
		}
	})
}

func TestComesLate(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		answer := l.await(d)
		time.Sleep(2900 * time.Millisecond)
		l.source.Send(d.event())
		l.wantFound(answer, 2900*time.Millisecond)
		if n := d.rescans.Load(); n != 1 {
			t.Errorf("the bus was scanned %d times, want once after nothing came", n)
		}
	})
}

// An event of another device wakes nobody but its own waiter.
func TestOthersGoOnWaiting(t *testing.T) {
	run(t, func(l *lab) {
		a, b := newDisk("vda"), newDisk("vdb")
		first, second := l.await(a), l.await(b)
		time.Sleep(time.Second)
		l.source.Send(b.event())
		l.wantFound(second, time.Second)
		time.Sleep(time.Second)
		l.source.Send(a.event())
		l.wantFound(first, 2*time.Second)
	})
}

func TestLostEvent(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		answer := l.await(d)
		time.Sleep(time.Second)
		d.present.Store(true)
		l.source.Overflow()
		l.wantFound(answer, time.Second)
	})
}

// An event that no overflow tells of is made good by the look at the end of the time.
func TestDroppedEvent(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		answer := l.await(d)
		time.Sleep(time.Second)
		d.present.Store(true)
		l.wantFound(answer, timeout)
	})
}

func TestNeverComes(t *testing.T) {
	run(t, func(l *lab) {
		answer := l.await(newDisk("vda"))
		time.Sleep(time.Second)
		l.source.Send(newDisk("sdx").event())
		_, took, err := answer()
		if !errors.Is(err, ErrTimeout) || took != timeout {
			t.Fatalf("%v after %v, want %v after %v", err, took, ErrTimeout, timeout)
		}
		for _, part := range []string{"disk vda", "3s", "/devices/sdx"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not name %q: %v", part, err)
			}
		}
	})
}

// TestPauseIsNoTimeout: a VM is paused for longer than the wait, and the disk comes 90 ms after
// it goes on. One that does not come in a while ends the wait all the same.
func TestPauseIsNoTimeout(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		answer, never := l.await(d), l.await(newDisk("vdb"))
		synctest.Wait() // the waits have begun
		l.paused.Store(int64(time.Minute))
		time.Sleep(timeout + 90*time.Millisecond)
		l.source.Send(d.event())
		l.wantFound(answer, timeout+90*time.Millisecond)
		if _, took, err := never(); !errors.Is(err, ErrTimeout) || took != timeout+afterPause {
			t.Errorf("a disk that does not come: %v after %v; want a timeout after %v", err, took, timeout+afterPause)
		}
	})
}

// An address that makes no sense is an error at once, not after the time.
func TestNonsense(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		d.err = errors.New("no such bus")
		if _, took, err := l.await(d)(); !errors.Is(err, d.err) || took != 0 {
			t.Errorf("%v after %v, want %v at once", err, took, d.err)
		}
	})
}

func TestAskerGoesAway(t *testing.T) {
	run(t, func(l *lab) {
		ctx, cancel := context.WithTimeout(l.t.Context(), time.Second)
		defer cancel()
		_, err := core.Ask(ctx, l.ref, &Await{Matcher: newDisk("vda"), Timeout: timeout})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		d := newDisk("vdb")
		d.present.Store(true)
		l.wantFound(l.await(d), 0)
	})
}

// A thousand events in a burst, with a hundred devices among them that are waited for.
func TestBurst(t *testing.T) {
	run(t, func(l *lab) {
		var answers []func() (hotplug.Event, time.Duration, error)
		var disks []disk
		for i := range 100 {
			disks = append(disks, newDisk(fmt.Sprintf("vd%d", i)))
			answers = append(answers, l.await(disks[i]))
		}
		synctest.Wait()
		for i := range 1000 {
			e := newDisk(fmt.Sprintf("other%d", i)).event()
			if i%10 == 0 {
				e = disks[i/10].event()
			}
			l.source.Send(e)
		}
		for _, a := range answers {
			l.wantFound(a, 0)
		}
	})
}

func TestMemoryIsBroughtOnline(t *testing.T) {
	run(t, func(l *lab) {
		const path = "/devices/system/memory/memory40"
		l.source.Send(hotplug.Event{Action: "add", DevPath: path, Subsystem: "memory"})
		if got := <-l.online; got != path {
			t.Errorf("online: %q", got)
		}
	})
}

// A source that breaks is opened again, and what came meanwhile is found.
func TestSourceBreaks(t *testing.T) {
	run(t, func(l *lab) {
		d := newDisk("vda")
		answer := l.await(d)
		synctest.Wait()
		broken := l.source
		l.source = hotplugtest.NewSource()
		broken.Close()
		d.present.Store(true)
		l.wantFound(answer, rescanAfter) // the scan of the bus is first
	})
}
