// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hostClocks are the names of PTP clocks that show the host's wall clock (UTC). That of vmclock
// shows TAI, and that of a network card what somebody has set.
var hostClocks = []string{"KVM virtual PTP", "hyperv"}

// PTP is a PTP clock that shows the host's wall clock.
type PTP struct {
	f    *os.File
	read func() (time.Duration, error)
}

// OpenPTP opens the clock at path whose name is in the file at name; nil if there is none, or one of
// another kind.
func OpenPTP(path, name string) (*PTP, error) {
	text, err := os.ReadFile(name)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("PTP clock: %w", err)
	}
	if !slices.Contains(hostClocks, strings.TrimSpace(string(text))) {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("PTP clock: %w", err)
	}
	p := &PTP{f: f}
	p.read = p.gettime
	if _, err := p.read(); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// gettime reads the clock behind the descriptor (FD_TO_CLOCKID of clock_gettime(3)).
func (p *PTP) gettime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.f.Fd()<<3|3), &ts); err != nil {
		return 0, fmt.Errorf("read PTP clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// Now is the host's time.
func (p *PTP) Now() (time.Time, error) {
	d, err := p.read()
	return time.Unix(0, int64(d)), err // wall: the host's
}

// gap compares the host's clock with the time since the guest's boot: when it has gone on and the
// guest has not, the guest has stood still.
type gap struct {
	ptp   *PTP
	ahead time.Duration
	boot  func() time.Duration
}

func newGap(p *PTP) *gap {
	g := &gap{ptp: p, boot: func() time.Duration { return read(unix.CLOCK_BOOTTIME) }}
	if now, err := p.read(); err == nil {
		g.ahead = now - g.boot()
	}
	return g
}

func (g *gap) name() string    { return "host's clock" }
func (g *gap) descriptor() int { return -1 }
func (g *gap) close()          { g.ptp.f.Close() }

func (g *gap) look() Seen {
	now, err := g.ptp.read()
	if err != nil {
		return Nothing
	}
	ahead := now - g.boot()
	step := ahead - g.ahead
	g.ahead = ahead
	if step >= gapLimit {
		return StoodStill
	}
	return Nothing
}
