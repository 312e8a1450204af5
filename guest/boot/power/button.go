// SPDX-License-Identifier: Apache-2.0

package power

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Of the kernel's drivers/acpi/event.c.
const (
	family         = "acpi_event"
	eventAttribute = 1  // ACPI_GENL_ATTR_EVENT
	classSize      = 20 // of the device's class, the first field of struct acpi_genl_event
)

// buttonClass is that of the power button.
const buttonClass = "button/power"

// maxEvent is more than the kernel sends at once, in bytes.
const maxEvent = 4096

// AwaitButton returns nil when the power button has been pressed. Errors are the end of
// ctx, or a kernel that does not report it.
func AwaitButton(ctx context.Context) error {
	f, err := subscribe()
	if err != nil {
		return err
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Now()) })
	defer stop()
	buf := make([]byte, maxEvent)
	for {
		n, err := f.Read(buf)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, unix.ENOBUFS): // events were lost, perhaps not this one
			continue
		case err != nil:
			return fmt.Errorf("read ACPI events: %w", err)
		case pressed(buf[:n]):
			return nil
		}
	}
}

// subscribe opens a socket that gets the ACPI events.
func subscribe() (*os.File, error) {
	events, err := netlink.GenlFamilyGet(family)
	if err != nil {
		return nil, fmt.Errorf("find the kernel's ACPI events: %w", err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), family)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		f.Close()
		return nil, os.NewSyscallError("bind", err)
	}
	for _, group := range events.Groups {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(group.ID)); err != nil {
			f.Close()
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	return f, nil
}

// pressed tells whether one of the netlink messages in b is of the power button.
func pressed(b []byte) bool {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return false
		}
		if ofButton(b[unix.NLMSG_HDRLEN:size]) {
			return true
		}
		b = b[min(align(size), len(b)):]
	}
	return false
}

// ofButton reads a generic netlink message: a header of its own, then attributes.
func ofButton(message []byte) bool {
	if len(message) < unix.GENL_HDRLEN {
		return false
	}
	for b := message[unix.GENL_HDRLEN:]; len(b) >= unix.SizeofNlAttr; {
		size, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if size < unix.SizeofNlAttr || size > len(b) {
			return false
		}
		value := b[unix.SizeofNlAttr:size]
		if kind == eventAttribute && len(value) >= classSize {
			class, _, _ := bytes.Cut(value[:classSize], []byte{0})
			if string(class) == buttonClass {
				return true
			}
		}
		b = b[min(align(size), len(b)):]
	}
	return false
}

// align is the place of what follows size bytes in a netlink message.
func align(size int) int { return (size + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
