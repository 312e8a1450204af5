// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"os"
)

// Watch is a descriptor whose owner asks again and again to be told of events. An idle one
// costs no goroutine and no thread.
type Watch struct {
	poller    *Poller
	fd        int
	key       key
	event     func()
	abandoned func()
}

// NewWatch makes a watch of fd, which stays the caller's and has to be nonblocking. Nothing is
// watched before Arm. event is called on the poller's goroutine, abandoned once if the poller is
// closed while fd is watched; neither may block.
func (p *Poller) NewWatch(fd int, event, abandoned func()) *Watch {
	return &Watch{poller: p, fd: fd, event: event, abandoned: abandoned}
}

// Arm asks for one call of event, when one of the events (EPOLLIN, EPOLLOUT, EPOLLRDHUP of
// epoll_ctl(2)) is there or comes. EPOLLERR and EPOLLHUP are among them always. Another Arm
// before that takes the place of this one. It fails with os.ErrClosed if the poller is closed.
func (w *Watch) Arm(events uint32) error { return w.poller.arm(w.fd, &w.key, events, w) }

// Forget ends the watch, before fd is closed. A call of event that has begun goes on.
func (w *Watch) Forget() { w.poller.unwatch(w.fd, &w.key) }

func (w *Watch) ready()   { w.event() }
func (w *Watch) abandon() { w.abandoned() }

// ErrEmpty is ReadNow's error when there is nothing to read yet.
var ErrEmpty = errEmpty

// ReadNow reads once from a nonblocking descriptor. The end of the stream is io.EOF, for a
// terminal's master too, which says EIO.
func ReadNow(fd int, b []byte) ([]byte, error) { return readOnce(fd, b) }

// Duplicate returns a nonblocking, close-on-exec duplicate of f that Go's netpoller does not
// know. f stays the caller's. What O_NONBLOCK is set of is the open file description, which f
// shares.
func Duplicate(f *os.File) (int, error) {
	if f == nil {
		return -1, errors.New("no file to duplicate")
	}
	return duplicate(f)
}
