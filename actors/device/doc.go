// SPDX-License-Identifier: Apache-2.0

// Package device waits for devices and puts them into containers' specs.
//
// Its actor, uevent, knows when a device is there. Whoever needs one asks for it by a
// matcher and waits for the answer; nobody else waits meanwhile, and any number may wait
// side by side. A waiter is registered before sysfs is looked at, so a device is found
// whether it was there at boot, came before the request, comes later, or came with an
// event that was lost. The actor keeps no table of devices: sysfs is the table.
//
// A Resolver asks it for what a host names by its place: a disk, a network interface, a
// partition. A Preparer waits for all devices of a container and rewrites its spec.
package device
