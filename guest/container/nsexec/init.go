// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Init is a container's first process while it is being made: a child of the agent, which carries
// out a plan. It ends when the Init is closed, until its LastStage is taken.
type Init struct {
	res  *result
	null *os.File
}

// ErrLost says that it is not known whether there is a process. If there is, it is ended when it shows.
var ErrLost = errors.New("what became of the process is not known")

// Namespace is one that exists.
type Namespace struct {
	Path string // such as /proc/<pid>/ns/ipc
	Kind int    // as in clone(2): CLONE_NEWIPC
}

// InitTarget opens what a container's first process is put into: existing namespaces, the pid namespace
// first if withPID, and cgroups as for OpenTarget. It fails if a path is no namespace of its kind.
func InitTarget(namespaces []Namespace, withPID bool, cgroupPaths map[string]string) (*Target, error) {
	t := &Target{}
	for _, ns := range namespaces {
		f, err := ns.open()
		if err != nil {
			t.Close()
			return nil, fmt.Errorf("open namespace: %w", err)
		}
		t.namespaces = append(t.namespaces, f)
	}
	if withPID {
		t.flags |= flagPidNS
	}
	if err := t.openCgroups(cgroupPaths); err != nil {
		t.Close()
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	return t, nil
}

func (ns Namespace) open() (*os.File, error) {
	f, err := open(ns.Path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err == nil && kind != ns.Kind {
		err = unix.EINVAL
	}
	if err != nil {
		f.Close()
		return nil, &os.PathError{Op: "join", Path: ns.Path, Err: err}
	}
	return f, nil
}

// StartInit starts a container's first process, and returns when it waits for the hooks of its plan. Of
// the request only Target, Stdio, OOMScoreAdj and Plan count. An error is an *Error when the plan could
// not be carried out; nothing is left of the process then, unless it is ErrLost.
func (h *Helper) StartInit(ctx context.Context, r *Request) (*Init, error) {
	res, err := h.request(ctx, r)
	if err != nil {
		return nil, err
	}
	i := &Init{res: res, null: h.null}
	if err := i.await(ctx, replyMounted); err != nil {
		return nil, i.failed(err)
	}
	return i, nil
}

// Go lets the process go on behind its hooks, and returns when it has carried out its plan. terminal is
// the master of its terminal, if it has one. Nothing is left of the process after an error.
func (i *Init) Go(ctx context.Context, meanwhile func() error) (terminal *os.File, err error) {
	last := i.LastStage()
	if err := last.control(func(fd int) error { return unix.Sendmsg(fd, []byte{1}, nil, nil, unix.MSG_NOSIGNAL) }); err != nil {
		return nil, i.failed(os.NewSyscallError("send to init", err))
	}
	if err := meanwhile(); err != nil {
		return nil, i.failed(err)
	}
	if err := i.await(ctx, replyBuilt); err != nil {
		return nil, i.failed(err)
	}
	if i.res.master >= 0 {
		terminal = os.NewFile(uintptr(i.res.master), "/dev/ptmx")
		i.res.master = -1
	}
	return terminal, nil
}

// Pid is the process's number, as the agent sees it.
func (i *Init) Pid() int { return i.res.pid }

// TakePidFD gives the process's pidfd, and the process with it, to the caller.
func (i *Init) TakePidFD() *os.File {
	f := os.NewFile(uintptr(i.res.pidfd), "pidfd")
	i.res.pidfd, i.res.pid = -1, 0
	return f
}

// LastStage is the rest of the process's start, when the plan has been carried out.
func (i *Init) LastStage() *LastStage {
	return &LastStage{socket: i.res.file, conn: i.res.conn, null: i.null}
}

// Close ends the process and waits until it has gone.
func (i *Init) Close() error { return i.failed(nil) }

// failed ends what there is of the process.
func (i *Init) failed(err error) error {
	res := i.res
	if res.pid == 0 && !res.ended {
		go res.abandon()
		return errors.Join(ErrLost, err)
	}
	res.file.Close()
	if res.master >= 0 {
		unix.Close(res.master)
		res.master = -1
	}
	if res.pid == 0 {
		return err
	}
	res.pid = 0
	e, werr := watchExit(res.pidfd)
	if werr != nil {
		return errors.Join(ErrLost, err, werr)
	}
	e.kill()
	e.reap()
	return err
}

// await waits for a reply of that kind.
func (i *Init) await(ctx context.Context, kind uint32) error {
	res, begin := i.res, time.Now()
	past := begin
	res.file.SetReadDeadline(i.until())
	defer context.AfterFunc(ctx, func() { res.file.SetReadDeadline(past) })()
	defer context.AfterFunc(res.worker.dead, func() { res.file.SetReadDeadline(past) })()
	for {
		err := res.next()
		switch {
		case err == nil && res.failed != nil && res.pid != 0:
			return res.failed
		case err == nil && res.kind == kind:
			return nil
		case err == nil, errors.Is(err, unix.ECONNRESET): // it has not read what it was sent, but may have said why
		case errors.Is(err, io.EOF):
			// Nobody can tell of a process any more but the ledger of a helper that has died.
			res.ended = res.pid != 0 || res.worker.dead.Err() == nil
			if res.failed != nil {
				return res.failed
			}
			return ErrEnded
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case res.pid == 0 && res.worker.dead.Err() != nil:
			return ErrHelperDied
		}
		if res.pid == 0 {
			res.worker.replaceIfStuck(time.Since(begin))
		}
		res.file.SetReadDeadline(i.until())
		if ctx.Err() != nil || res.pid == 0 && res.worker.dead.Err() != nil {
			res.file.SetReadDeadline(past)
		}
	}
}

// until is when to look after the helper again.
func (i *Init) until() time.Time {
	if i.res.pid != 0 {
		return time.Time{}
	}
	return time.Now().Add(patience)
}
