// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// result is the agent's end of the socket on which one request is answered: by the
// helper that a process was cloned, by the process with its terminal or why it failed.
// The process closes its end by execve.
type result struct {
	request *Request
	file    *os.File
	conn    syscall.RawConn

	pid    int // 0: not cloned so far
	pidfd  int
	master int
	failed error
}

// newResult returns also the descriptor of the other end.
func newResult(r *Request) (*result, int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	res := &result{request: r, file: os.NewFile(uintptr(pair[0]), "spawn"), pidfd: -1, master: -1}
	if res.conn, err = res.file.SyscallConn(); err != nil {
		res.file.Close()
		unix.Close(pair[1])
		return nil, -1, err
	}
	return res, pair[1], nil
}

// await waits until the program runs or cannot. It closes the result.
func (res *result) await(ctx context.Context, w *worker) (*Process, error) {
	interrupt := func() { res.file.SetReadDeadline(time.Unix(1, 0)) }
	defer context.AfterFunc(ctx, interrupt)()
	defer context.AfterFunc(w.dead, interrupt)()
	err := res.collect()
	for errors.Is(err, os.ErrDeadlineExceeded) {
		if ctx.Err() != nil {
			go res.abandon(w)
			return nil, fmt.Errorf("start process: %w", context.Cause(ctx))
		}
		// The helper is dead. What it had sent before still counts, and a process
		// that it had cloned goes on without it.
		if res.drain(); res.pid == 0 {
			res.close()
			return nil, ErrHelperDied
		}
		res.file.SetReadDeadline(time.Time{})
		if ctx.Err() == nil {
			err = res.collect()
		}
	}
	return res.process(err)
}

// process is what came of the request, once err has ended the replies.
func (res *result) process(err error) (*Process, error) {
	switch {
	case err != io.EOF:
		err = fmt.Errorf("wait for process to start: %w", err)
	case res.failed != nil:
		err = res.failed
	case res.pid == 0:
		err = ErrHelperDied
	default:
		res.file.Close()
		p := &Process{Pid: res.pid, PidFD: os.NewFile(uintptr(res.pidfd), "pidfd")}
		if res.master >= 0 {
			p.Terminal = os.NewFile(uintptr(res.master), "/dev/ptmx")
		}
		return p, nil
	}
	res.close()
	return nil, err
}

// collect takes replies up to the end (io.EOF) or the deadline.
func (res *result) collect() error {
	for {
		if err := res.next(res.conn.Read); err != nil {
			return err
		}
	}
}

// drain takes the replies that have come, whatever the deadline.
func (res *result) drain() {
	once := func(receive func(uintptr) bool) error {
		err := os.ErrDeadlineExceeded
		res.conn.Control(func(fd uintptr) {
			if receive(fd) {
				err = nil
			}
		})
		return err
	}
	for res.next(once) == nil {
	}
}

// next takes one reply; wait calls its argument until that is true.
func (res *result) next(wait func(func(uintptr) bool) error) error {
	var (
		data      [replySize]byte
		control   [64]byte
		n, rights int
		failed    error
	)
	err := wait(func(fd uintptr) bool {
		n, rights, _, _, failed = unix.Recvmsg(int(fd), data[:], control[:], unix.MSG_CMSG_CLOEXEC)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return os.NewSyscallError("recvmsg", failed)
	case n == 0:
		return io.EOF
	}
	res.take(data[:n], control[:rights])
	return nil
}

// take notes one reply.
func (res *result) take(data, control []byte) {
	fd := descriptor(control)
	r, ok := parseReply(data)
	switch {
	case ok && r.kind == replyStarted && fd >= 0:
		res.pid, res.pidfd = int(r.pid), fd
		return
	case ok && r.kind == replyTerminal && fd >= 0:
		res.master = fd
		return
	case ok && r.kind == replyFailed:
		res.failed = &Error{Stage: Stage(r.stage), Errno: syscall.Errno(r.errno), request: res.request}
	default:
		res.failed = fmt.Errorf("spawn helper: reply of %d bytes not understood", len(data))
	}
	if fd >= 0 {
		unix.Close(fd)
	}
}

// descriptor is the one that came with a message, or -1.
func descriptor(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 {
		return -1
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return -1
	}
	return fds[0]
}

func (res *result) close() {
	res.file.Close()
	res.discard()
}

// discard ends a process that did not start as asked. It is reaped in the background:
// one that is frozen dies when it is thawed.
func (res *result) discard() {
	if res.master >= 0 {
		unix.Close(res.master)
		res.master = -1
	}
	if res.pid == 0 {
		return
	}
	res.pid = 0
	e, err := watchExit(res.pidfd)
	if err != nil {
		return
	}
	e.kill()
	go e.reap()
}

// abandon sees to it that a request nobody waits for leaves no process. Until the helper
// has answered, it may still come to it.
func (res *result) abandon(w *worker) {
	res.file.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(w.dead, func() { res.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for res.pid == 0 {
		if res.next(res.conn.Read) != nil {
			res.drain()
			break
		}
	}
	res.close()
}
