// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"go.uber.org/zap"
)

const (
	// rescanAfter is how long the kernel has to notice a device by itself before its bus is
	// scanned: far above what a hotplug interrupt takes, far below hotplug_timeout.
	rescanAfter = 300 * time.Millisecond
	// relistenAfter is the pause before the source is opened again after it has broken.
	relistenAfter = time.Second
	// looksAtOnce bounds how many threads look for devices and scan buses.
	looksAtOnce = 16
	// pruneFrom is the least number of waiters at which those whose askers have gone are removed.
	pruneFrom = 64
	// pausedBy is how late the end of a wait must be noticed to tell that the VM was paused (on
	// resume all timers fire at once), afterPause what the device then has to come.
	pausedBy   = 500 * time.Millisecond
	afterPause = 2 * time.Second
	// recentEvents is how many events are kept for the text of a timeout, which is one line.
	recentEvents = 3
)

// Options is what the actor is made with.
type Options struct {
	Listen func() (hotplug.Source, error)
	Sys    string // mount point of sysfs
	// NodeReady returns why a device node cannot be used yet, nil if it can. Without the function
	// every node counts as ready. The kernel shows a device in sysfs, then makes the node, then lets
	// it be opened, and sends the event after all that.
	NodeReady func(path string) error
	// OnlineMemory is called beside the mailbox for each block of memory that is plugged in.
	OnlineMemory func(devPath string) error
}

// uevent is the actor.
type uevent struct {
	options Options
	source  hotplug.Source
	waiters map[*waiter]bool
	pruneAt int           // at how many waiters those that have gone away are removed
	looks   chan struct{} // a semaphore: one element for each look under way
	recent  []string      // the latest devices that came, for the text of a timeout
	now     func() time.Time
}

// waiter is one Await under way.
type waiter struct {
	m       *Await
	cancels []func()
	due     time.Time // when it expires
	last    bool      // it has expired: the look that is under way decides
}

// New makes the behaviour. The actor listens from its first message on: Listen.
func New(d Options) core.Behavior {
	return &uevent{options: d, waiters: map[*waiter]bool{}, looks: make(chan struct{}, looksAtOnce), now: time.Now}
}

// Listen is told once, at the start.
func Listen() core.Message { return listen{} }

// Receive handles one message.
func (u *uevent) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case listen:
		u.listen(t)
	case hotplug.Event:
		u.event(t, m)
	case lost:
		t.Log().Warn("uevents were lost; looking for what is waited for")
		u.probeAll(t)
	case *Await:
		u.await(t, m)
	case rescan:
		u.rescan(t, m.w)
	case expired:
		u.expire(t, m.w)
	}
}

// listen opens the source and reads it beside the mailbox until it breaks.
func (u *uevent) listen(t *core.Turn) {
	source, err := u.options.Listen()
	if err != nil {
		t.Log().Error("devices are only found by looking", zap.Error(err))
		t.After(relistenAfter, listen{})
		return
	}
	u.source = source
	self := t.Self()
	core.Go(t, func(context.Context) (struct{}, error) {
		return struct{}{}, forward(source, self)
	}, func(t *core.Turn, _ struct{}, err error) {
		source.Close()
		t.Log().Error("uevent source broke", zap.Error(err))
		t.After(relistenAfter, listen{})
	})
	u.probeAll(t) // what came while nobody listened
}

func (u *uevent) probeAll(t *core.Turn) {
	for w := range u.waiters {
		u.probe(t, w)
	}
}

// forward reads until the source ends.
func forward(source hotplug.Source, to core.Ref) error {
	for {
		e, err := source.Read()
		switch {
		case err == nil:
			to.Tell(e)
		case errors.Is(err, hotplug.ErrOverflow):
			to.Tell(lost{})
		default:
			return err
		}
	}
}

func (u *uevent) event(t *core.Turn, e hotplug.Event) {
	if e.Action != "add" {
		return
	}
	u.remember(e)
	if e.Subsystem == "memory" && u.options.OnlineMemory != nil {
		online := u.options.OnlineMemory
		log := t.Log()
		core.Go(t, func(context.Context) (struct{}, error) {
			return struct{}{}, online(e.DevPath)
		}, func(_ *core.Turn, _ struct{}, err error) {
			if err != nil {
				log.Warn("memory stays offline", zap.String("device", e.DevPath), zap.Error(err))
			}
		})
	}
	for w := range u.waiters {
		if w.m.Matcher.Match(e) {
			u.finish(w, e, nil)
		}
	}
}

func (u *uevent) remember(e hotplug.Event) {
	switch e.Subsystem {
	case "block", "net", "pci", "virtio", "scsi", "vfio":
		u.recent = append(u.recent, e.Subsystem+" "+e.DevPath)
		if len(u.recent) > recentEvents {
			u.recent = u.recent[1:]
		}
	}
}

// await registers first and looks then.
func (u *uevent) await(t *core.Turn, m *Await) {
	u.prune()
	w := &waiter{m: m}
	u.waiters[w] = true
	u.limit(t, w, m.Timeout)
	if _, ok := m.Matcher.(hotplug.Rescanner); ok && m.Timeout > rescanAfter {
		w.cancels = append(w.cancels, t.After(rescanAfter, rescan{w}))
	}
	if s, ok := m.Matcher.(hotplug.Scanner); ok {
		u.look(t, w, s.Scan)
		return
	}
	u.probe(t, w)
}

// limit lets w expire after d.
func (u *uevent) limit(t *core.Turn, w *waiter, d time.Duration) {
	w.due = u.now().Add(d)
	w.cancels = append(w.cancels, t.After(d, expired{w}))
}

// expire looks for the last time, unless the VM was paused: nobody has looked meanwhile, and
// what was plugged in may just be coming.
func (u *uevent) expire(t *core.Turn, w *waiter) {
	if u.now().Sub(w.due) > pausedBy {
		u.limit(t, w, min(afterPause, w.m.Timeout))
	} else {
		w.last = true
	}
	u.probe(t, w)
}

// prune drops the waiters whose askers have gone, when there are twice as many as the last
// time: to look through all of them for each new one would stall the actor.
func (u *uevent) prune() {
	if len(u.waiters) < max(u.pruneAt, pruneFrom) {
		return
	}
	for w := range u.waiters {
		if err := w.m.Context().Err(); err != nil {
			u.finish(w, hotplug.Event{}, err)
		}
	}
	u.pruneAt = 2 * len(u.waiters)
}

func (u *uevent) probe(t *core.Turn, w *waiter) { u.look(t, w, nil) }

func (u *uevent) rescan(t *core.Turn, w *waiter) {
	if s, ok := w.m.Matcher.(hotplug.Rescanner); ok {
		u.look(t, w, s.Rescan)
	}
}

// look is what a look at sysfs has given.
type look struct {
	found   hotplug.Event
	ok      bool
	scanErr error
}

// look looks for a waiter's device in sysfs, beside the mailbox, after scanning its bus if
// scan is not nil.
func (u *uevent) look(t *core.Turn, w *waiter, scan func(string) error) {
	last := w.last
	core.Go(t, func(ctx context.Context) (look, error) {
		select {
		case u.looks <- struct{}{}:
			defer func() { <-u.looks }()
		case <-ctx.Done():
			return look{}, ctx.Err()
		}
		var scanErr error
		if scan != nil {
			scanErr = scan(u.options.Sys)
		}
		e, ok, err := w.m.Matcher.Probe(u.options.Sys)
		if node := e.Node(); ok && node != "" && u.options.NodeReady != nil {
			if notYet := u.options.NodeReady(node); notYet != nil {
				ok, scanErr = false, errors.Join(scanErr, fmt.Errorf("the device is there, but its node cannot be used: %w", notYet))
			}
		}
		return look{e, ok, scanErr}, err
	}, func(_ *core.Turn, l look, err error) {
		switch {
		case err != nil: // the address makes no sense: no device will ever be there
			u.finish(w, hotplug.Event{}, fmt.Errorf("%s: %w", w.m.Matcher, err))
		case l.ok:
			u.finish(w, l.found, nil)
		case last:
			u.finish(w, hotplug.Event{}, u.timeout(w, l.scanErr))
		}
	})
}

// timeout names the device and what came meanwhile.
func (u *uevent) timeout(w *waiter, cause error) error {
	seen := "no device came"
	if len(u.recent) > 0 {
		seen = "the latest that came: " + strings.Join(u.recent, ", ")
	}
	err := fmt.Errorf("%w after %v waiting for uevent of %s; %s", ErrTimeout, w.m.Timeout, w.m.Matcher, seen)
	if cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// finish answers a waiter, once.
func (u *uevent) finish(w *waiter, e hotplug.Event, err error) {
	if !u.waiters[w] {
		return
	}
	delete(u.waiters, w)
	for _, cancel := range w.cancels {
		cancel()
	}
	w.m.Reply(e, err)
}

// Stopped ends the source, and with it the reader.
func (u *uevent) Stopped(error) {
	if u.source != nil {
		u.source.Close()
	}
}
