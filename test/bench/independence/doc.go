// SPDX-License-Identifier: Apache-2.0

// Package independence tests that one container's trouble is nobody else's: while a create
// hangs in a hook, a session waits on a paused container, a wait for a disk that never
// comes is under way, or a client floods and does not read, the calls on another container
// are as fast as in a quiet agent.
//
// Speeds are compared within one run, quiet and troubled in turn, the median of five; no
// absolute time can fail it but the guard of three seconds for a single call.
package independence
