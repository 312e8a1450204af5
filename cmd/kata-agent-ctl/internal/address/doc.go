// SPDX-License-Identifier: Apache-2.0

// Package address knows where an agent listens: it reads the addresses hosts and the agent use
// (unix, abstract unix, vsock, and the hybrid vsock of Cloud Hypervisor and Firecracker) and
// opens a connection there.
//
// A connection it returns is ready for ttRPC: the handshake of a hybrid vsock is done. It must
// not import anything of this module.
package address
