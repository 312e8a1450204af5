// SPDX-License-Identifier: Apache-2.0

// Package architecture tests the rules of the tree that a compiler does not
// check: which package may import which and why, what every package and file
// must have, and what the agent's binary is made of.
//
// It looks at the module with the go command and the parser; it imports nothing
// of it.
package architecture
