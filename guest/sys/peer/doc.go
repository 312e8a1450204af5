// SPDX-License-Identifier: Apache-2.0

// Package peer tells who is at the other end of a unix socket.
//
// A container that shares the agent's network namespace, as those of a pod do, reaches every
// socket with a name in the abstract namespace; one with a bind mount of the right directory
// reaches any other. The kernel keeps who has connected (SO_PEERCRED, unix(7)), and that is judged
// here. Nothing in it blocks.
//
// It knows nothing of requests and must not import actors, rpc or protocols.
package peer
