// SPDX-License-Identifier: Apache-2.0

// Package hotplug tells when a device is there: it reads the kernel's events about devices
// and looks in sysfs for those whose event came before anybody listened.
//
// A [Source] gives the events one by one, in the kernel's order, and [ErrOverflow] when
// some were lost: then whoever waits must look in sysfs again. A [Matcher] knows one
// device by the name the host has for it, and recognises it in an event as well as in
// sysfs. Whoever waits registers its matcher with the reader of the events first, then
// probes, then waits: so no device can slip through between the look and the wait.
//
// The package keeps no state but the socket and must not import actors, rpc or
// protocols.
package hotplug
