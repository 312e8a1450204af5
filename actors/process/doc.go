// SPDX-License-Identifier: Apache-2.0

// Package process is the actor of one process of a container: init or an exec session.
//
// The actor owns the process's exit status, those who wait for it, its signals, the
// size of its terminal and the end of its streams. The bytes of the streams do not pass
// through its mailbox: a Handle gives them out to whoever reads and writes.
//
// Exit and end of stream are two events. The exit is answered to waiters at once, also
// while a descendant still holds the output; and what was written before the exit stays
// readable after it, also after it has been waited for.
package process
