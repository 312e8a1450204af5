// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls are the system calls that can be made to fail, by name. Those of threads are not
// among the clones: Go ends a program that cannot make one.
var Calls = map[string][]uint32{
	"clone":      {unix.SYS_CLONE, unix.SYS_CLONE3},
	"pipe2":      {unix.SYS_PIPE2},
	"socketpair": {unix.SYS_SOCKETPAIR},
	"openat":     {unix.SYS_OPENAT, unix.SYS_OPENAT2},
	"mount":      {unix.SYS_MOUNT},
	"mkdirat":    {unix.SYS_MKDIRAT},
	"pidfd_open": {unix.SYS_PIDFD_OPEN},
	"epoll_ctl":  {unix.SYS_EPOLL_CTL},
	"fcntl":      {unix.SYS_FCNTL},
	"capset":     {unix.SYS_CAPSET},
}

// Target is whose calls are counted.
type Target int

const (
	Agent  Target = iota // the agent's own
	Stages               // those of libcontainer's stages, until the container's program runs
)

// Injector answers the calls of one agent. At most one call fails for each Arm.
type Injector struct {
	tb     testing.TB
	socket int
	path   string
	call   string
	done   chan struct{}

	mu    sync.Mutex
	pid   int // of the agent
	whose Target
	at    int // the call that fails; 0: none
	errno unix.Errno
	count int
	hit   string
}

// New makes an injector for one kind of calls. It ends with the test; the agent is to be
// started later, so that it ends before.
func New(tb testing.TB, call string) *Injector {
	tb.Helper()
	in := &Injector{tb: tb, call: call, path: filepath.Join(tb.TempDir(), "s"), done: make(chan struct{})}
	if len(Calls[call]) == 0 {
		tb.Fatalf("unknown call %q", call)
	}
	var err error
	if in.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
		if err = unix.Bind(in.socket, &unix.SockaddrUnix{Name: in.path}); err == nil {
			err = unix.Listen(in.socket, 1)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	go in.serve()
	tb.Cleanup(func() {
		_ = unix.Shutdown(in.socket, unix.SHUT_RDWR) // if nobody has come
		<-in.done
		unix.Close(in.socket)
	})
	return in
}

// Wrap is the beginning of the command line that starts the agent.
func (in *Injector) Wrap() []string {
	exe, err := os.Executable()
	if err != nil {
		in.tb.Fatal(err)
	}
	var numbers []string
	for _, n := range Calls[in.call] {
		numbers = append(numbers, strconv.Itoa(int(n)))
	}
	return []string{exe, launchWord, in.path, strings.Join(numbers, ",")}
}

// Arm lets the n-th call from now on, counted from 1, fail with errno.
func (in *Injector) Arm(pid int, whose Target, n int, errno unix.Errno) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.pid, in.whose, in.at, in.errno, in.count, in.hit = pid, whose, n, errno, 0, ""
}

// Disarm lets all calls go on again. hit says what has failed since Arm; "": nothing, as
// there were fewer calls.
func (in *Injector) Disarm() (hit string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.at = 0
	return in.hit
}

// serve answers until the last process that has the filter is gone.
func (in *Injector) serve() {
	defer close(in.done)
	listener, err := in.accept()
	if err != nil {
		return
	}
	defer unix.Close(listener)
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if fds[0].Revents&unix.POLLIN != 0 {
			in.answer(listener)
		} else if fds[0].Revents != 0 {
			return
		}
	}
}

func (in *Injector) accept() (int, error) {
	conn, _, err := unix.Accept4(in.socket, unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(conn)
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(conn, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("no listener: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// notification is struct seccomp_notif, response struct seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

func (in *Injector) answer(listener int) {
	var n notification
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return // its caller is gone
	}
	r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	if errno := in.decide(&n); errno != 0 {
		r.error, r.flags = -int32(errno), 0
	}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
}

// decide gives the errno of a call, 0 for one that goes on.
func (in *Injector) decide(n *notification) unix.Errno {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.at == 0 || in.hit != "" || !in.meant(n) || makesThread(n) {
		return 0
	}
	if in.count++; in.count < in.at {
		return 0
	}
	in.hit = fmt.Sprintf("%s %d of %q: %v%s", in.call, in.count, comm(n.pid), in.errno, argument(n))
	return in.errno
}

// meant tells whether a call is one of those that are counted.
func (in *Injector) meant(n *notification) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", in.pid, n.pid))
	if in.whose == Agent {
		return err == nil
	}
	return err != nil && strings.HasPrefix(comm(n.pid), "runc:[")
}

func comm(pid uint32) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(b))
}

// makesThread tells whether a call is a clone of a thread.
func makesThread(n *notification) bool {
	flags := n.args[0]
	switch uint32(n.nr) {
	case unix.SYS_CLONE3:
		b := make([]byte, 8) // struct clone_args begins with the flags
		if !read(n.pid, n.args[0], b) {
			return true
		}
		flags = binary.NativeEndian.Uint64(b)
	case unix.SYS_CLONE:
	default:
		return false
	}
	return flags&unix.CLONE_THREAD != 0
}

// argument is a call's path, for the text of a failure.
func argument(n *notification) string {
	var at uint64
	switch uint32(n.nr) {
	case unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_MKDIRAT, unix.SYS_MOUNT:
		at = n.args[1]
	default:
		return ""
	}
	b := make([]byte, 128)
	if !read(n.pid, at, b) {
		return ""
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return " (" + string(b) + ")"
}

func read(pid uint32, at uint64, b []byte) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	n, _ := f.ReadAt(b, int64(at))
	return n > 0
}
