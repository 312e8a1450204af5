// SPDX-License-Identifier: Apache-2.0

// Package wire holds what the lab on the host and its program in the guest
// say to each other: the boot plan in the initramfs, and the requests of the
// command service. Both are JSON. It imports nothing.
package wire
