// SPDX-License-Identifier: Apache-2.0

// Package mux carries many byte streams over one pipe between the host and a
// guest: a virtio-serial port on the test VM's side, a socket of QEMU on the
// other. It stands in for a vsock device where the host has none.
//
// It promises what vsock promises: streams are independent (a stream nobody
// reads stops only its own writer, by credit), each direction closes on its
// own, and a dial to a port without a listener is refused. Both ends run the
// same code, and either may open streams.
//
// It belongs to the test lab and imports nothing but the standard library.
package mux
