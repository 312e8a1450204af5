// SPDX-License-Identifier: Apache-2.0

// Package stdio moves bytes between the agent and the standard streams of its processes.
//
// It owns the agent's ends of pipes and pseudo-terminals and one epoll instance that
// watches them all, together with pidfds. It promises:
//   - an idle stream costs a struct and a descriptor: no goroutine, no thread, no buffer;
//   - nothing is read ahead: the pipe is the only buffer, so a caller that does not read
//     slows down the process behind that pipe and nobody else;
//   - no byte that was written is lost, whether the process has exited or not;
//   - calls are answered in the order they were made, each exactly once, and no call
//     blocks; the answers are functions that must not block either;
//   - an answer that blocks all the same delays the other streams by a quarter of a
//     second once and then has its goroutine to itself.
//
// Descriptors are made nonblocking. O_NONBLOCK belongs to the open file description, and
// the two ends of a pipe, or master and slave of a terminal, are different descriptions:
// the process keeps its blocking descriptors.
//
// The package knows nothing of processes, actors or RPCs and must not import them.
package stdio
