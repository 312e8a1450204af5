// SPDX-License-Identifier: Apache-2.0

package nsexec

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

// afterDeath is how long a request waits for news of its process when the helper has
// died: all but processes frozen in the clone give some at once.
const afterDeath = time.Second

// errUnstarted says that a request has ended without a process.
var errUnstarted = fmt.Errorf("%w: nothing was started", ErrHelperDied)

// result is the agent's end of the socket on which one request is answered: by the
// helper that a process was cloned, by the process with its terminal or why it failed.
// The process closes its end by execve.
type result struct {
	request *Request
	worker  *worker
	id      uint32 // of the request, in the worker's life
	file    *os.File
	conn    syscall.RawConn

	pid    int // 0: not cloned so far
	pidfd  int
	lost   bool   // there is one, but no descriptor for it: it is being ended
	kind   uint32 // of the last reply
	ended  bool   // and there is no process that is not known
	master int
	failed error
}

// newResult returns also the descriptor of the other end.
func newResult(r *Request, w *worker) (*result, int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	// The kernel names the sender of each message: when the helper has died before it could tell the
	// pid of a process it made, the pid is taken from the process's own message.
	if err := unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		unix.Close(pair[0])
		unix.Close(pair[1])
		return nil, -1, os.NewSyscallError("setsockopt", err)
	}
	res := &result{request: r, worker: w, id: w.ids.Add(1), pidfd: -1, master: -1}
	res.file = os.NewFile(uintptr(pair[0]), "spawn")
	if res.conn, err = res.file.SyscallConn(); err != nil {
		res.file.Close()
		unix.Close(pair[1])
		return nil, -1, err
	}
	// A file that Go's poller had no room for cannot be waited for: better nothing is begun.
	if err := res.file.SetReadDeadline(time.Time{}); err != nil {
		res.file.Close()
		unix.Close(pair[1])
		return nil, -1, fmt.Errorf("wait for an answer: %w", err)
	}
	return res, pair[1], nil
}

// await waits until the program runs or cannot. It closes the result.
func (res *result) await(ctx context.Context) (*Process, error) {
	begin := time.Now()
	w, past := res.worker, begin
	res.file.SetReadDeadline(begin.Add(patience))
	defer context.AfterFunc(ctx, func() { res.file.SetReadDeadline(past) })()
	defer context.AfterFunc(w.dead, func() {
		res.file.SetReadDeadline(time.Now().Add(afterDeath))
		if ctx.Err() != nil {
			res.file.SetReadDeadline(past)
		}
	})()
	err := res.collect()
	for errors.Is(err, os.ErrDeadlineExceeded) {
		switch {
		case ctx.Err() != nil:
			go res.abandon()
			return nil, fmt.Errorf("start process: %w", context.Cause(ctx))
		case res.pid != 0:
			// The process goes on without the helper.
			res.file.SetReadDeadline(time.Time{})
		case w.dead.Err() != nil:
			if time.Since(w.diedAt) >= afterDeath {
				go res.abandon()
				return nil, ErrHelperDied
			}
			res.file.SetReadDeadline(w.diedAt.Add(afterDeath))
		default:
			w.replaceIfStuck(time.Since(begin))
			res.file.SetReadDeadline(time.Now().Add(patience))
		}
		if ctx.Err() == nil {
			err = res.collect()
		}
	}
	return res.process(err)
}

// process is what came of the request, once err has ended the replies.
func (res *result) process(err error) (*Process, error) {
	switch {
	case !errors.Is(err, io.EOF):
		err = fmt.Errorf("wait for process to start: %w", err)
	case res.failed != nil:
		err = res.failed
	case res.pid == 0:
		res.lookUp()
		err = errUnstarted
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
		if err := res.next(); err != nil {
			return err
		}
	}
}

// next waits for one reply and takes it.
func (res *result) next() error {
	var (
		data      [replySize]byte
		control   [128]byte
		n, rights int
		failed    error
	)
	err := res.conn.Read(func(fd uintptr) bool {
		n, rights, failed = receive(int(fd), data[:], control[:])
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return os.NewSyscallError("recvmsg", failed)
	case n == 0:
		return io.EOF
	}
	fd, sender := parseControl(control[:rights])
	res.take(data[:n], fd, sender)
	return nil
}

// receive reads one message of a socket that does not block; no bytes is the end.
//
// The kernel looks for a message first and for the end then (unix_dgram_recvmsg), so one
// that is sent, and its socket closed, in between is reported as the end and stays in the
// queue. Only after an end is what else there is certain: nobody can send any more.
func receive(fd int, data, control []byte) (n, rights int, err error) {
	for range 2 {
		n, rights, _, _, err = unix.Recvmsg(fd, data, control, unix.MSG_CMSG_CLOEXEC)
		if n > 0 || err != nil {
			break
		}
	}
	return n, rights, err
}

// take notes one reply.
func (res *result) take(data []byte, fd, sender int) {
	r, ok := parseReply(data)
	res.kind = r.kind
	switch {
	case ok && r.kind == replyStarted && fd >= 0 && res.pid == 0:
		res.pid, res.pidfd = int(r.pid), fd
		return
	case ok && r.kind == replyTerminal && fd >= 0:
		res.master = fd
		fd = -1
	case ok && r.kind == replyFailed:
		res.failed = &Error{Step: Step(r.step), Errno: syscall.Errno(r.errno), request: res.request, operation: int(r.pid)}
	case ok && res.request.Plan != nil && (r.kind == replyMounted || r.kind == replyBuilt):
	case !ok || r.kind != replyStarted:
		res.failed = fmt.Errorf("spawn helper: reply of %d bytes not understood", len(data))
	}
	if fd >= 0 {
		unix.Close(fd)
	}
	switch {
	case res.pid != 0 || res.lost:
	case sender > 0 && sender != res.worker.pid:
		res.adopt(sender) // it speaks for itself
	case ok && r.kind == replyStarted && r.pid > 1:
		res.adopt(int(r.pid)) // its descriptor found no room in this process
	}
}

// adopt takes on a process that speaks for itself. It is a child that nobody has reaped,
// so the number is still its own.
func (res *result) adopt(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		res.failed = fmt.Errorf("open pidfd of started process %d: %w", pid, err)
		res.lost = true
		go endByNumber(pid)
		return
	}
	res.pid, res.pidfd = pid, fd
}

// endByNumber kills and reaps a process for which there is no descriptor to be had. Left
// alone it would run without an owner, and as a zombie keep its container from ending.
func endByNumber(pid int) {
	_ = unix.Kill(pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
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

// abandon ends the process of a request that nobody waits for any more. The process may come
// later: the helper may not have served the request yet, or a frozen process may report only
// when it is thawed.
func (res *result) abandon() {
	res.file.SetReadDeadline(time.Time{})
	var err error
	for res.pid == 0 && err == nil {
		err = res.next()
	}
	if res.pid == 0 && errors.Is(err, io.EOF) {
		res.lookUp()
	}
	res.close()
}

// lookUp takes the process from the ledger when helper and process were killed together, so that
// neither could send the pid. The process is still a child of the agent and has to be reaped.
func (res *result) lookUp() {
	if res.failed != nil || res.lost {
		return
	}
	select {
	case <-res.worker.dead.Done():
	case <-time.After(afterDeath): // the helper lives and did not make a process for this request
		return
	}
	if last := res.worker.last; last.id == res.id && last.pid > 1 {
		res.adopt(last.pid)
	}
}
