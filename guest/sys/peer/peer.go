// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"golang.org/x/sys/unix"
)

// ErrForeign is what Trusted's error wraps if the other end must not be talked to.
var ErrForeign = errors.New("not from the agent's own user and namespaces")

// soPeerPidfd is SO_PEERPIDFD of asm-generic/socket.h, Linux 6.5.
const soPeerPidfd = 77

// namespaces are those that every container has of its own, or that give its root its rights.
var namespaces = []string{"pid", "user"}

// Trusted returns nil if whoever has connected is root or the agent's own user, in the agent's own
// user and pid namespaces. A peer without a process number here is in a pid namespace that is not
// below the agent's, so it is no container of the agent's: only its user counts. procRoot is
// "/proc". A peer that has ended already cannot be judged and is not trusted.
func Trusted(conn *net.UnixConn, procRoot string) error {
	var result error
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	if err := raw.Control(func(fd uintptr) { result = judge(int(fd), procRoot) }); err != nil {
		return err
	}
	return result
}

func judge(socket int, procRoot string) error {
	cred, err := unix.GetsockoptUcred(socket, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return fmt.Errorf("credentials of a peer: %w", err)
	}
	if cred.Uid != 0 && cred.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("peer with user id %d: %w", cred.Uid, ErrForeign)
	}
	if cred.Pid == 0 {
		return nil
	}
	process, err := open(socket, int(cred.Pid))
	if err != nil {
		return fmt.Errorf("peer %d: %w: %w", cred.Pid, ErrForeign, err)
	}
	defer process.Close()
	if err := sameNamespaces(procRoot, int(cred.Pid)); err != nil {
		return fmt.Errorf("peer %d: %w: %w", cred.Pid, ErrForeign, err)
	}
	// It still lives, so the number was its own all the time.
	if err := pidfd.Send(process, 0); err != nil {
		return fmt.Errorf("peer %d: %w: %w", cred.Pid, ErrForeign, err)
	}
	return nil
}

// open holds on to the process that has connected. Before Linux 6.5 the kernel does not hand it out,
// and another one may have the number by now.
func open(socket, pid int) (*os.File, error) {
	fd, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, soPeerPidfd)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return pidfd.Open(pid)
	}
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// sameNamespaces compares those of a process with the caller's.
func sameNamespaces(procRoot string, pid int) error {
	if self, err := os.Readlink(filepath.Join(procRoot, "self")); err != nil {
		return err
	} else if self != strconv.Itoa(os.Getpid()) {
		return fmt.Errorf("%s belongs to another pid namespace", procRoot)
	}
	for _, name := range namespaces {
		own, err := os.Readlink(filepath.Join(procRoot, "self/ns", name))
		if err != nil {
			return err
		}
		theirs, err := os.Readlink(filepath.Join(procRoot, strconv.Itoa(pid), "ns", name))
		if err != nil {
			return err
		}
		if own != theirs {
			return fmt.Errorf("another %s namespace", name)
		}
	}
	return nil
}
