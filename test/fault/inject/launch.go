// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launchWord begins the arguments of the launcher: word, socket, numbers of system calls
// with commas, command.
const launchWord = "inject-launch"

// Main becomes the launcher when the test's program was started as one. It is called first
// in TestMain.
func Main() {
	if len(os.Args) > 4 && os.Args[1] == launchWord {
		err := launch(os.Args[2], os.Args[3], os.Args[4:])
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
}

// launch installs the filter on this thread, which takes it along through execve.
func launch(socket, numbers string, command []string) error {
	runtime.LockOSThread()
	var calls []uint32
	for n := range strings.SplitSeq(numbers, ",") {
		i, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		calls = append(calls, uint32(i))
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	// Connected before: these calls may be among those that wait for an answer.
	conn, err := connect(socket)
	if err != nil {
		return err
	}
	h := hand{conn: conn}
	h.begin()
	// From here on this thread makes no call that the scheduler of Go has a part in: that could
	// be one that waits for an answer before there is anybody to answer.
	listener, err := install(calls)
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	h.listener.Store(int32(listener))
	for h.state.Load() < handDone {
		pause()
	}
	if h.err != nil {
		return h.err
	}
	return unix.Exec(path, command, os.Environ())
}

// hand gives the listener to the test, on a thread that has no filter.
type hand struct {
	conn     int
	listener atomic.Int32 // 0: not yet
	state    atomic.Int32
	err      error // of handDone
}

const (
	handReady = iota + 1
	handDone
)

func (h *hand) begin() {
	runtime.GOMAXPROCS(4) // both have a processor for themselves
	go func() {
		runtime.LockOSThread()
		h.state.Store(handReady)
		for h.listener.Load() == 0 {
			pause()
		}
		h.err = unix.Sendmsg(h.conn, []byte{0}, unix.UnixRights(int(h.listener.Load())), nil, 0)
		h.state.Store(handDone)
		for { // the program ends as another one
			pause()
		}
	}()
	for h.state.Load() != handReady {
		runtime.Gosched()
	}
}

// pause waits a millisecond in the kernel.
func pause() {
	t := unix.NsecToTimespec(1e6)
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

func connect(socket string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrUnix{Name: socket})
}

// install has these calls of this thread and its descendants wait for the listener.
func install(calls []uint32) (listener int, err error) {
	const loadNumber = 0 // offset of nr in struct seccomp_data
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: loadNumber}}
	for i, c := range calls {
		// To the last instruction but one when it is this call.
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: c, Jt: uint8(len(calls) - i)})
	}
	program = append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno == unix.EINVAL { // a kernel before 5.19
		flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		fd, _, errno = unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	}
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
