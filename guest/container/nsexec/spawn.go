// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errUnsent says that the helper cannot have seen the request.
var errUnsent = errors.New("request was not sent")

// Spawn starts a process and returns when its program has been executed. When ctx ends
// first the process, if there is one already, is killed, and reaped when it can die.
//
// Errors are of type *Error when the process could not become what was asked for (the
// program was not found, say: ErrNotFound), ErrHelperDied, or the end of ctx.
func (h *Helper) Spawn(ctx context.Context, r *Request) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start process: %w", context.Cause(ctx))
	}
	p, err := h.tries(ctx, r)
	if err != nil && r.refusedByCgroup(err) {
		other, oerr := r.Target.otherCgroup()
		if oerr != nil {
			return nil, fmt.Errorf("%w (%w)", err, oerr)
		}
		defer other.Close()
		again := *r
		again.cgroup = other
		return h.tries(ctx, &again)
	}
	return p, err
}

// tries goes on to the next helper when one dies. A request that kills every helper must
// come to an end, though.
func (h *Helper) tries(ctx context.Context, r *Request) (p *Process, err error) {
	for range 3 {
		p, err = h.once(ctx, r)
		if !errors.Is(err, errUnsent) && !errors.Is(err, errUnstarted) {
			break
		}
	}
	return p, err
}

func (h *Helper) once(ctx context.Context, r *Request) (*Process, error) {
	res, err := h.request(ctx, r)
	if err != nil {
		return nil, err
	}
	return res.await(ctx)
}

// request sends a request and returns where it is answered.
func (h *Helper) request(ctx context.Context, r *Request) (*result, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	release, err := r.Target.use()
	if err != nil {
		return nil, err
	}
	defer release()
	m, err := encode(r, h.null)
	if err != nil {
		return nil, err
	}
	defer m.close()
	w, err := h.living()
	if err != nil {
		return nil, err
	}
	res, theirs, err := newResult(r, w)
	if err != nil {
		return nil, err
	}
	order.PutUint32(m.header[idOffset:], res.id)
	err = w.send(ctx, m, theirs)
	unix.Close(theirs)
	if err != nil {
		res.close()
		return nil, err
	}
	return res, nil
}

// send gives a request to the helper. It does not wait for anything but room in the
// socket, which lacks only when the helper is not running at all.
func (w *worker) send(ctx context.Context, m *message, result int) error {
	rights := unix.UnixRights(append([]int{result}, m.files...)...)
	begin := time.Now()
	for {
		var err error
		closed := w.conn.Control(func(fd uintptr) {
			err = unix.Sendmsg(int(fd), m.header, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		})
		switch {
		case closed != nil:
			return fmt.Errorf("%w: %w: %w", ErrHelperDied, errUnsent, closed)
		case err == unix.EPIPE, err == unix.ECONNRESET, err == unix.ENOTCONN:
			// Its death may not have been noticed yet; it will be at once.
			<-w.dead.Done()
			return fmt.Errorf("%w: %w: %w", ErrHelperDied, errUnsent, err)
		case err == unix.EINTR:
			continue
		case err != unix.EAGAIN && err != unix.ENOBUFS:
			return os.NewSyscallError("send request to spawn helper", err)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("send request to spawn helper: %w", context.Cause(ctx))
		case <-w.dead.Done():
			return fmt.Errorf("%w: %w", ErrHelperDied, errUnsent)
		case <-time.After(time.Millisecond):
			w.replaceIfStuck(time.Since(begin))
		}
	}
}
