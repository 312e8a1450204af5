// SPDX-License-Identifier: Apache-2.0

package stdio

import "golang.org/x/sys/unix"

// once is one function that waits for one descriptor.
type once struct {
	poller *Poller
	fd     int
	key    key
	fn     func()
}

// OnReadable calls fn once, on the poller's goroutine, when fd becomes readable
// (a pidfd: when the process has exited). fn must not block. cancel is true when fn
// has not run and will not.
//
// The descriptor stays the caller's, who keeps it open until fn has been called or
// cancel was true. One descriptor can be watched once at a time (EEXIST).
func (p *Poller) OnReadable(fd int, fn func()) (cancel func() bool, err error) {
	o := &once{poller: p, fd: fd, fn: fn}
	if err := p.arm(fd, &o.key, unix.EPOLLIN, o); err != nil {
		return nil, err
	}
	return o.cancel, nil
}

func (o *once) cancel() bool { return o.poller.unwatch(o.fd, &o.key) }

func (o *once) ready() {
	if o.cancel() {
		o.fn()
	}
}

func (o *once) abandon() {}
