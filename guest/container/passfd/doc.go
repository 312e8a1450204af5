// SPDX-License-Identifier: Apache-2.0

// Package passfd passes the standard streams of processes to and from connections of the host,
// one connection for one stream, in place of requests that carry the bytes.
//
// The host connects to the agent's port (agent.passfd_listener_port) first, once for each stream.
// Nothing is said on the connection: the host's own port, which the agent sees as the peer's,
// is its name. The request that starts a process names three such ports (stdin_port,
// stdout_port and stderr_port of CreateContainer and ExecProcess; 0: none).
//
// Streams holds the connections until they are claimed. It promises:
//   - a claim waits for a connection that is on its way by event, for ClaimTime at most;
//   - what nobody claims is closed after OrphanTime, and no more than MaxWaiting wait;
//   - it has no goroutine but the one that accepts.
//
// Relay copies one stream. It promises:
//   - no goroutine, no thread and no buffer for a stream that is idle: the poller of stdio tells
//     it of events. Bytes go from pipe to socket, or back, by splice(2) where the kernel can,
//     otherwise by read and write;
//   - the pipe and the socket are the only buffers: a host that does not read holds up the
//     process behind this stream and nobody else;
//   - the end of either side ends the other: end of input closes the process's stdin, and a
//     host that has closed its side is, to the process, a reader that has gone (EPIPE);
//   - Flushed tells when what a process has written is on its way to the host, though others
//     may still hold the stream.
//
// The package knows nothing of processes, actors or RPCs and must not import them.
package passfd
