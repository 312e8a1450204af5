// SPDX-License-Identifier: Apache-2.0

package nsexec

// extern int binary_is_static(void);
import "C"

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lastStage is the argument by which the C constructor knows the last stage; see last.c.
const lastStage = "kata-last-stage"

// Descriptors that a process must have when it becomes a last stage.
const (
	lastSocket = 3
	lastBinary = 4
)

// ErrEnded says that a last stage has ended before it was told to execute its program.
var ErrEnded = errors.New("the container's first process has ended")

// ErrNotStatic says that there can be no last stage: in a container there is nothing that
// this binary is linked with.
var ErrNotStatic = errors.New("the binary is not linked statically")

// LastStage is the last stage of a process that somebody else starts: a single thread that
// changes the user, and, when it is told to, sets limits, loads the filter and executes the
// program. Namespaces, cgroups, session and terminal are set up by the starter.
//
// The starter gives the process Files as descriptors 3 and 4 and has it execute Args, as root and
// with all capabilities, where /proc is a procfs. Then Send, Ready and Execute are called, once each.
type LastStage struct {
	socket *os.File
	conn   syscall.RawConn
	theirs *os.File
	binary *os.File // the helper's
	done   *os.File // its end is the execve, or the process's death
	null   *os.File

	request *Request
}

// LastStage prepares a last stage, which the caller closes. It fails with ErrNotStatic if this binary
// is linked dynamically.
func (h *Helper) LastStage() (*LastStage, error) {
	if C.binary_is_static() == 0 {
		return nil, ErrNotStatic
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	s := &LastStage{binary: h.exe, null: h.null, theirs: os.NewFile(uintptr(pair[1]), lastStage)}
	if err = unix.SetNonblock(pair[0], true); err == nil {
		s.socket = os.NewFile(uintptr(pair[0]), lastStage)
		s.conn, err = s.socket.SyscallConn()
	} else {
		unix.Close(pair[0])
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Files are what the process must have as descriptors 3 and 4. LastStage closes its own copies.
func (s *LastStage) Files() []*os.File { return []*os.File{s.theirs, s.binary} }

// Args is what the process is to execute.
func (s *LastStage) Args() []string {
	return []string{fmt.Sprintf("/proc/self/fd/%d", lastBinary), lastStage}
}

// Close closes what the stage has open; a process that waits ends then.
func (s *LastStage) Close() {
	for _, f := range []**os.File{&s.socket, &s.theirs, &s.done} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
}

// Send says what the process is to become. Target, standard streams, terminal, umask and OOM score of
// the request are ignored: the starter has set them. userNS tells whether the process is in a user
// namespace. The process must have Files by now, but need not execute Args yet.
func (s *LastStage) Send(r *Request, userNS bool) error {
	s.request = r
	s.theirs.Close()
	s.theirs = nil
	own := *r
	own.Target, own.Terminal, own.Umask, own.OOMScoreAdj = &Target{}, true, nil, nil
	if err := own.check(); err != nil {
		return err
	}
	if userNS {
		own.Target.flags = flagUserNS
	}
	m, err := encode(&own, s.null)
	if err != nil {
		return err
	}
	defer m.close()
	flags := order.Uint32(m.header) &^ flagTerminal
	if userNS || r.SELinuxLabel != "" || r.AppArmorProfile != "" {
		proc, err := os.OpenFile("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer proc.Close()
		m.files = append([]int{int(proc.Fd())}, m.files...)
		flags |= flagProc
	}
	order.PutUint32(m.header, flags)
	err = s.control(func(fd int) error {
		return unix.Sendmsg(fd, m.header, unix.UnixRights(m.files...), nil, unix.MSG_NOSIGNAL)
	})
	return os.NewSyscallError("send request to last stage", err)
}

// Ready waits until all is done except for what Execute does. gone is a descriptor that is readable
// when the process has ended. The error is an *Error when the process could not become what was
// asked for, and ErrEnded when it has ended.
func (s *LastStage) Ready(gone int) error {
	kind, fd, err := s.reply(gone)
	if err != nil {
		return err
	}
	if kind != replyReady || fd < 0 {
		return fmt.Errorf("last stage: unexpected reply %d", kind)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return err
	}
	s.done = os.NewFile(uintptr(fd), "execve")
	return nil
}

// reply waits for a reply or the end.
func (s *LastStage) reply(gone int) (kind uint32, fd int, err error) {
	fds := []unix.PollFd{{Events: unix.POLLIN}, {Fd: int32(gone), Events: unix.POLLIN}}
	for {
		var data [replySize]byte
		var control [128]byte
		n, rights := 0, 0
		err := s.control(func(own int) error {
			fds[0].Fd = int32(own)
			var err error
			n, rights, err = receive(own, data[:], control[:])
			return err
		})
		switch {
		case err == nil && n == 0, errors.Is(err, unix.ECONNRESET):
			return 0, -1, ErrEnded
		case err == nil:
			fd, _ := parseControl(control[:rights])
			return s.understand(data[:n], fd)
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return 0, -1, os.NewSyscallError("recvmsg", err)
		case fds[1].Revents != 0: // and there was nothing more to be read
			return 0, -1, ErrEnded
		}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, -1, os.NewSyscallError("poll", err)
		}
	}
}

func (s *LastStage) understand(data []byte, fd int) (uint32, int, error) {
	r, ok := parseReply(data)
	if ok && r.kind == replyFailed {
		if fd >= 0 {
			unix.Close(fd)
		}
		return 0, -1, &Error{Step: Step(r.step), Errno: syscall.Errno(r.errno), request: s.request}
	}
	if !ok {
		return 0, fd, fmt.Errorf("last stage: reply of %d bytes not understood", len(data))
	}
	return r.kind, fd, nil
}

// Execute has the process execute its program, and returns when it has: from then on it is
// the program alone. It is no error when the process is killed meanwhile, such as by the container's
// own seccomp filter: that looks like a program that ends at once, and the exit status says so. The
// error is an *Error when the program cannot be executed, whose process ends then, and ErrEnded when
// the process had ended before.
func (s *LastStage) Execute() error {
	defer s.Close()
	err := s.control(func(fd int) error {
		return unix.Sendmsg(fd, []byte{1}, nil, nil, unix.MSG_NOSIGNAL)
	})
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return ErrEnded
	}
	if err != nil {
		return os.NewSyscallError("send to last stage", err)
	}
	// One byte says that the process got the order; the end that it executes the program.
	told, err := io.ReadAll(s.done)
	if err != nil {
		return fmt.Errorf("wait for the program to be executed: %w", err)
	}
	if len(told) == 0 {
		return ErrEnded
	}
	// Why it was not, has been sent before the end.
	var data [replySize]byte
	n := 0
	_ = s.control(func(fd int) (err error) {
		n, _, err = receive(fd, data[:], nil)
		return err
	})
	if n > 0 {
		_, _, err = s.understand(data[:n], -1)
		return err
	}
	return nil
}

func (s *LastStage) control(do func(fd int) error) error {
	var err error
	if closed := s.conn.Control(func(fd uintptr) { err = do(int(fd)) }); closed != nil {
		return closed
	}
	return err
}
