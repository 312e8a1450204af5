// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// gapLimit is how far the wall clock must have gone on without the machine.
const gapLimit = 2 * time.Second

// farAway is a time that no guest is set to, in seconds since 1970: in the year 2242, near the end of
// the kernel's time.
const farAway = 1 << 33

// wallClock notices steps of the guest's wall clock: what sets it right after a machine has stood
// still shows that it did. It waits by a timer that is never due and that the kernel ends when the
// clock is set (TFD_TIMER_CANCEL_ON_SET), so it costs nothing meanwhile.
type wallClock struct {
	fd     int
	ahead  time.Duration // of the time since boot
	clocks func() (wall, boot time.Duration)
}

func openWallClock(Places) (source, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC) // wall: its steps are what is waited for
	if err != nil {
		return nil, fmt.Errorf("timer of the wall clock: %w", err)
	}
	w := &wallClock{fd: fd, clocks: clocks}
	if err := w.arm(); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("timer of the wall clock: %w", err)
	}
	w.ahead = w.measure()
	return w, nil
}

func (w *wallClock) arm() error {
	never := unix.ItimerSpec{Value: unix.Timespec{Sec: farAway}}
	return unix.TimerfdSettime(w.fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil)
}

func (w *wallClock) name() string    { return "steps of the wall clock" }
func (w *wallClock) descriptor() int { return w.fd }
func (w *wallClock) close()          { unix.Close(w.fd) }

func (w *wallClock) measure() time.Duration {
	wall, boot := w.clocks()
	return wall - boot
}

func (w *wallClock) look() Seen {
	var expirations [8]byte
	if _, err := unix.Read(w.fd, expirations[:]); !errors.Is(err, unix.ECANCELED) {
		return Nothing
	}
	// The read has ended the event. A timer that has been canceled stays armed, and is canceled
	// again by the next step.
	return w.compare()
}

func (w *wallClock) compare() Seen {
	ahead := w.measure()
	step := ahead - w.ahead
	w.ahead = ahead
	if step >= gapLimit {
		return StoodStill
	}
	return Nothing
}

// clocks reads the wall clock and the time since boot, with that during suspends.
func clocks() (wall, boot time.Duration) {
	return read(unix.CLOCK_REALTIME), read(unix.CLOCK_BOOTTIME) // wall: compared with the other
}

func read(clock int32) time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(clock, &ts) // these clocks are always there
	return time.Duration(ts.Nano())
}
