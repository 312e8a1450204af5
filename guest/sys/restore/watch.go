// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Seen is what a look has found.
type Seen int

// What can be seen, each more than the one before.
const (
	// Nothing has happened since the last look.
	Nothing Seen = iota
	// StoodStill is a machine that was paused, moved or restored, or whose clock was only set:
	// which of them cannot be told.
	StoodStill
	// Restored is a machine that goes on from an image. Whoever it was connected to is gone.
	Restored
)

// Places are where things are in a guest; an empty one is not looked at.
type Places struct {
	Drivers []string // directories of the driver vmgenid: the kernel's log is read if one has a device
	Kmsg    string   // the kernel's log, /dev/kmsg
	VMClock string   // /dev/vmclock0
	PTP     string   // a PTP clock, /dev/ptp0
	PTPName string   // the file with its name, /sys/class/ptp/ptp0/clock_name
}

// Guest are the places of a Linux guest. vmgenid was a driver of the ACPI bus before Linux 6.10.
func Guest() Places {
	return Places{
		Drivers: []string{"/sys/bus/acpi/drivers/vmgenid", "/sys/bus/platform/drivers/vmgenid"},
		Kmsg:    "/dev/kmsg", VMClock: "/dev/vmclock0", PTP: "/dev/ptp0", PTPName: "/sys/class/ptp/ptp0/clock_name",
	}
}

// lookAgain is how soon LookAgain looks once more.
const lookAgain = 5 * time.Millisecond

// epoch is what times of looks count from.
var epoch = time.Now()

// source is one way of noticing. look returns without delay.
type source interface {
	name() string
	look() Seen
	// descriptor becomes readable when there is something to see; -1: only a look can tell.
	descriptor() int
	close()
}

// Watch looks at all there is. Its methods may be called from any goroutine.
type Watch struct {
	mu      sync.Mutex
	sources []source
	ptp     *PTP
	seen    func(Seen)
	last    atomic.Int64 // nanoseconds since epoch
}

// Open begins to watch. What the machine does not have is left out; the error tells what it has and
// what could not be opened, and the watch goes without. seen is told what was found before the look
// that has found it returns; it must not block and must not look.
func Open(p Places, seen func(Seen)) (*Watch, error) {
	w := &Watch{seen: seen}
	var errs []error
	for _, open := range []func(Places) (source, error){openKernelLog, openVMClock, openWallClock} {
		s, err := open(p)
		if err != nil {
			errs = append(errs, err)
		} else if s != nil {
			w.sources = append(w.sources, s)
		}
	}
	ptp, err := OpenPTP(p.PTP, p.PTPName)
	if w.ptp = ptp; ptp != nil {
		w.sources = append(w.sources, newGap(ptp))
	}
	return w, errors.Join(append(errs, err)...)
}

// Names says what is watched.
func (w *Watch) Names() (names []string) {
	for _, s := range w.sources {
		names = append(names, s.name())
	}
	return names
}

// Descriptors are those that become readable when a look may find something. They stay the watch's.
func (w *Watch) Descriptors() (fds []int) {
	for _, s := range w.sources {
		if fd := s.descriptor(); fd >= 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// PTP is the hypervisor's clock, nil if there is none.
func (w *Watch) PTP() *PTP { return w.ptp }

// Look looks at every source. When it returns, what has been found by anybody so far has been told.
func (w *Watch) Look() { w.look(func(source) bool { return true }) }

// LookAgain looks at the sources that have a descriptor, unless somebody has just done so: it is for
// those who are about to give something away, as often as they like.
func (w *Watch) LookAgain() {
	if now := time.Since(epoch); now-time.Duration(w.last.Load()) < lookAgain {
		return
	}
	w.look(func(s source) bool { return s.descriptor() >= 0 })
}

func (w *Watch) look(at func(source) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := Nothing
	for _, s := range w.sources {
		if at(s) {
			seen = max(seen, s.look())
		}
	}
	w.last.Store(int64(time.Since(epoch)))
	if seen != Nothing {
		w.seen(seen)
	}
}

// Close ends the watch, after the descriptors are watched no more.
func (w *Watch) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sources {
		s.close()
	}
	w.sources = nil
}
