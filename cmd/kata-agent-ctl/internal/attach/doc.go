// SPDX-License-Identifier: Apache-2.0

// Package attach joins the standard streams and the terminal of this program to a process of an
// agent: bytes both ways, the end of input, the terminal's size, and signals.
//
// Output is never lost: both streams are read to their end before the exit status is asked for,
// as hosts do. The package must not import anything of this module but the client.
package attach
