// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// terminal receives the master of a pty that libcontainer makes inside the container
// and sends over a socket (its ConsoleSocket).
type terminal struct {
	parent, child *os.File
}

func newTerminal() (*terminal, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	return &terminal{
		parent: os.NewFile(uintptr(fds[0]), "console-parent"),
		child:  os.NewFile(uintptr(fds[1]), "console-child"),
	}, nil
}

// master returns the pty's master, which has been sent before the process was started.
func (t *terminal) master() (*os.File, error) {
	name, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(int(t.parent.Fd()), name, oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		return nil, fmt.Errorf("receive terminal: %w", err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) == 0 {
		return nil, fmt.Errorf("receive terminal: no descriptor came (%w)", err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) == 0 {
		return nil, fmt.Errorf("receive terminal: no descriptor came (%w)", err)
	}
	return os.NewFile(uintptr(fds[0]), "pty-master"), nil
}

func (t *terminal) close() {
	t.parent.Close()
	t.child.Close()
}
