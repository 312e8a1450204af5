// SPDX-License-Identifier: Apache-2.0

// Package console gives a developer a root shell in the guest: the debug console that
// hosts reach through a vsock port, or that runs on the guest's own console.
//
// Each session has a terminal of its own and ends with its shell or its connection. The
// package must not import actors, rpc or protocols.
package console
