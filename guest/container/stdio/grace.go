// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"container/heap"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// graceTime is how long a stream may be silent after its process has exited before a
// waiting read ends, when a descendant still holds the stream (as the Kata agent has it).
const graceTime = 500 * time.Millisecond

// lateTime is how long a read waits that is made after the grace time. Such a reader wants what the
// descendant writes, whether it reads again after the end or for the first time. The Kata agent lets
// it wait without a limit.
const lateTime = 5 * time.Second

// Exited tells that the process has ended. What it wrote is still delivered; the stream
// ends when nobody can write to it any more, or for reads that wait when it has been
// silent for the grace time (500 ms). A read that is made after such an end, or the first
// read of all if the stream has been silent for that long already, waits up to 5 s for
// what a descendant writes.
func (r *Reader) Exited() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.exited {
		return
	}
	r.exited, r.until = true, time.Now().Add(graceTime)
	if !r.busy && len(r.queue) > 0 {
		r.poller.expireAt(r.until, r)
	}
}

// comes notes that somebody reads, and gives a late read its time.
func (r *Reader) comes() {
	if r.exited && (r.late || !r.begun && !time.Now().Before(r.until)) {
		r.late = true
		r.prolong()
	}
	r.begun = true
}

// prolong lets reads wait again from now on.
func (r *Reader) prolong() {
	wait := graceTime
	if r.late {
		wait = lateTime
	}
	r.until = time.Now().Add(wait)
}

// graceQueue holds the streams whose reads wait in the grace time, and wakes the poller
// by a timer descriptor when the first of them is due. The poller's lock protects it.
type graceQueue struct {
	poller *Poller
	timer  int
	due    dueHeap
}

type due struct {
	at     time.Time
	reader *Reader
}

// open makes the timer and has the poller watch it.
func (g *graceQueue) open(p *Poller) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("timerfd_create: %w", err)
	}
	g.poller, g.timer = p, fd
	k := p.table.put(g)
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: k.index, Pad: k.generation}
	if err := unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		unix.Close(fd)
		return fmt.Errorf("watch timer: %w", err)
	}
	return nil
}

func (g *graceQueue) close() {
	unix.Close(g.timer)
	g.due = nil
}

// expireAt has r looked at again at that time, or earlier if it is queued already.
func (p *Poller) expireAt(at time.Time, r *Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || r.timed {
		return
	}
	r.timed = true
	heap.Push(&p.grace.due, due{at, r})
	if p.grace.due[0].reader == r {
		p.grace.set()
	}
}

// set makes the timer fire for the first of the queue.
func (g *graceQueue) set() {
	var spec unix.ItimerSpec
	if len(g.due) > 0 {
		// A value of zero would stop the timer.
		left := max(time.Until(g.due[0].at), 1)
		spec.Value = unix.NsecToTimespec(int64(left))
	}
	_ = unix.TimerfdSettime(g.timer, 0, &spec, nil)
}

func (g *graceQueue) ready() {
	p := g.poller
	var expired []*Reader
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	for len(g.due) > 0 && !g.due[0].at.After(time.Now()) {
		r := heap.Pop(&g.due).(due).reader
		r.timed = false
		expired = append(expired, r)
	}
	// Setting the timer also takes back its readiness.
	g.set()
	p.mu.Unlock()
	for _, r := range expired {
		r.expire()
	}
}

func (g *graceQueue) abandon() {}

type dueHeap []due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(due)) }
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = due{}
	*h = (*h)[:last]
	return x
}
