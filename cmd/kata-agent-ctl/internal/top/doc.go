// SPDX-License-Identifier: Apache-2.0

// Package top is the live view of an agent on a terminal: what waits and for how long, sessions with
// their bytes and stalls, calls with their rates, the tree of actors. It looks at an agent once in a
// while and draws what has changed; the terminal is tcell's. It must not import anything of this
// module but live and output.
package top
