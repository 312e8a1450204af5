// SPDX-License-Identifier: Apache-2.0

// Package qmp is a client of the QEMU Machine Protocol: JSON commands and
// events on one connection.
//
// It promises that an answer reaches the caller that asked, that no event is
// lost from the moment the client is made, and that every wait ends when the
// connection does. It knows no machine: what to plug where is for its caller.
package qmp
