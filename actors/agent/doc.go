// SPDX-License-Identifier: Apache-2.0

// Package agent puts the actors of the agent together: it makes the tree, gives each actor
// what it works with, and hands out what requests are addressed to.
package agent
