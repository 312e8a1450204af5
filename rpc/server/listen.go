// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/mdlayher/vsock"
)

// ErrAddress is what Listen's error wraps if an address has no meaning.
var ErrAddress = errors.New("bad server address")

// ErrInUse is what Listen's error wraps if somebody serves the address already.
var ErrInUse = errors.New("somebody is listening there")

// vsockAny is VMADDR_CID_ANY of linux/vm_sockets.h, written -1 in addresses.
const vsockAny = 1<<32 - 1

// Listen opens a socket at addr: `vsock://<cid>:<port>` with -1 for any CID, `unix://<path>`, or
// `unix://@<name>` in the abstract namespace. A socket file that nobody listens on any more is
// replaced. The socket is not passed on to child processes.
func Listen(addr string) (net.Listener, error) {
	scheme, rest, ok := strings.Cut(addr, "://")
	if !ok || rest == "" {
		return nil, fmt.Errorf("%w %q: want vsock://cid:port or unix://path", ErrAddress, addr)
	}
	switch scheme {
	case "vsock":
		return listenVsock(addr, rest)
	case "unix":
		return listenUnix(addr, rest)
	}
	return nil, fmt.Errorf("%w %q: unknown scheme %q", ErrAddress, addr, scheme)
}

func listenVsock(addr, rest string) (net.Listener, error) {
	cid, port, err := parseVsock(rest)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrAddress, addr, err)
	}
	l, err := vsock.ListenContextID(cid, port, nil)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w", addr, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

func parseVsock(s string) (cid, port uint32, err error) {
	c, p, ok := strings.Cut(s, ":")
	if !ok {
		return 0, 0, errors.New("no port")
	}
	cid = vsockAny
	if c != "-1" {
		n, err := strconv.ParseUint(c, 10, 32)
		if err != nil {
			return 0, 0, fmt.Errorf("CID %q is neither -1 nor a number below 2^32", c)
		}
		cid = uint32(n)
	}
	n, err := strconv.ParseUint(p, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("port %q is not a number below 2^32", p)
	}
	return cid, uint32(n), nil
}

func listenUnix(addr, path string) (net.Listener, error) {
	if path == "@" {
		return nil, fmt.Errorf("%w %q: no name", ErrAddress, addr)
	}
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && path[0] != '@' {
		if err = removeStale(path); err == nil {
			l, err = net.Listen("unix", path)
		}
	} else if errors.Is(err, syscall.EADDRINUSE) {
		err = ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// removeStale removes the socket file of a server that has died. Only a refused connection proves
// that nobody listens: a live server with a full backlog answers otherwise.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s exists and is no socket", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close() // only to see whether somebody answers
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return ErrInUse
	}
	return os.Remove(path)
}
