// SPDX-License-Identifier: Apache-2.0

// Package frame is the agent's ttRPC server. It owns the bytes of a connection: it reads whole
// frames, answers what can be answered without a goroutine, runs the handlers of the other calls on
// goroutines of their own, as many at a time as Limits.Running allows, and writes every reply.
// Metadata and codes are those of containerd/ttrpc.
//
// What it promises:
//
//   - Stream ids come in any order and may be used again. A frame that cannot be served (even id, too
//     long, unknown service or method, undecodable envelope or body) is answered with the code hosts
//     know and the connection goes on.
//   - A call is answered exactly once: by its handler, by its deadline (DEADLINE_EXCEEDED "timeout"),
//     or not at all because the client is gone. A reply longer than a frame may be is replaced by an
//     error for that call only.
//   - An async call (Method.Async) has no goroutine while it waits, only a Call record. Replies never block
//     the goroutine that gives them.
//   - A peer that does not read blocks nothing but its own connection, and what waits for it in memory
//     is bounded by Limits.
//   - When the client goes away, the contexts of its handlers end and its waiting calls are canceled.
//
// Locks: Conn.mu guards the table of calls and the backlog, outbox.mu the frames on their way out;
// the second may be taken under the first, never the other way round. Neither is held during a
// system call or while a handler's function runs. There is no lock that two connections share on
// the path of a call.
//
// It must not import rpc, rpc/server, actors or guest.
package frame
