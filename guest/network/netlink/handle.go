// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"time"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Timeout bounds the wait for one answer of the kernel, which can hold its network lock
// for a while when it takes down an interface.
const Timeout = 10 * time.Second

// dumpTries is how often a listing is taken again that changed while it was read.
const dumpTries = 5

// Handle talks to the network namespace in which it was made.
type Handle struct {
	nl   *vnl.Handle
	proc string
}

// New returns a handle for the network namespace of the calling thread. procRoot is
// "/proc". The caller closes it.
func New(procRoot string) (*Handle, error) {
	if err := canOpen(); err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	nl, err := vnl.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	if err := nl.SetSocketTimeout(Timeout); err != nil {
		nl.Close()
		return nil, fmt.Errorf("bound route netlink socket: %w", err)
	}
	return &Handle{nl: nl, proc: procRoot}, nil
}

// canOpen tries to open a socket, before the library does. Where bind(2) fails, vishvananda/netlink 1.3.1
// closes the descriptor and leaves an os.File with its number to the garbage collector, which closes it once
// more, whatever it is by then: another container's process, say.
func canOpen() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// Close closes the sockets.
func (h *Handle) Close() { h.nl.Close() }

// LoopbackUp brings up the loopback interface.
func (h *Handle) LoopbackUp() error {
	lo, err := h.nl.LinkByName("lo")
	if err == nil {
		err = h.nl.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	return nil
}

// links lists all links.
func (h *Handle) links() ([]vnl.Link, error) {
	links, err := consistent(h.nl.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	return links, nil
}

// consistent takes a listing again while the kernel says that it changed under way. The
// last one is used as it is: on a busy system it is as good as any.
func consistent[T any](list func() ([]T, error)) ([]T, error) {
	for range dumpTries {
		items, err := list()
		if !errors.Is(err, vnl.ErrDumpInterrupted) {
			return items, err
		}
	}
	items, err := list()
	if errors.Is(err, vnl.ErrDumpInterrupted) {
		err = nil
	}
	return items, err
}

func findByName(links []vnl.Link, name string) vnl.Link {
	for _, l := range links {
		if l.Attrs().Name == name {
			return l
		}
	}
	return nil
}
