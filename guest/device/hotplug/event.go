// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pilebones/go-udev/netlink"
)

// ErrFormat is returned for a datagram that is not an event of the kernel.
var ErrFormat = errors.New("malformed uevent")

// Event is what the kernel says about a device, see kobject_uevent_env in the kernel's
// lib/kobject_uevent.c. A device found in sysfs is given in the same form.
type Event struct {
	Action    netlink.KObjAction
	DevPath   string // directory below /sys, with a leading slash
	Subsystem string
	DevName   string // node below /dev, empty for a device without one
	Interface string // name of a network interface
	SeqNum    uint64
}

// Node returns the path of the device node, "/dev/vda", or "" if there is none.
func (e Event) Node() string {
	if e.DevName == "" {
		return ""
	}
	return "/dev/" + e.DevName
}

// Base returns the last element of DevPath, the kernel's name of the device.
func (e Event) Base() string { return e.DevPath[strings.LastIndexByte(e.DevPath, '/')+1:] }

// Parse reads a datagram of the kernel: "action@devpath" and then "KEY=VALUE" fields, each
// ended by a zero byte. Of the fields it takes those of Event and passes over the rest.
//
// The library's own ParseUEvent is not used because it refuses an event with a "=" in
// any value or a "@" in its path, which device tree nodes have, and panics on a datagram
// without a zero byte.
func Parse(datagram []byte) (Event, error) {
	if !utf8.Valid(datagram) {
		return Event{}, ErrFormat
	}
	header, fields, ok := strings.Cut(string(datagram), "\x00")
	if !ok || !strings.Contains(header, "@") {
		return Event{}, ErrFormat
	}
	var e Event
	for field := range strings.SplitSeq(fields, "\x00") {
		key, value, ok := strings.Cut(field, "=")
		if ok {
			e.set(key, value)
		}
	}
	if e.Action == "" || !strings.HasPrefix(e.DevPath, "/") {
		return Event{}, ErrFormat
	}
	return e, nil
}

// set takes over one field, of an event or of a uevent file in sysfs.
func (e *Event) set(key, value string) {
	switch key {
	case "ACTION":
		e.Action = netlink.KObjAction(value)
	case "DEVPATH":
		e.DevPath = value
	case "SUBSYSTEM":
		e.Subsystem = value
	case "DEVNAME":
		e.DevName = strings.TrimPrefix(value, "/dev/")
	case "INTERFACE":
		e.Interface = value
	case "SEQNUM":
		e.SeqNum, _ = strconv.ParseUint(value, 10, 64)
	}
}
