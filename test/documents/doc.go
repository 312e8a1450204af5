// SPDX-License-Identifier: Apache-2.0

// Package documents runs the commands that documents and help texts show.
//
// It takes every line of a block of shell in a Markdown file of the tree, and every example in the
// help of the programs, and gives it to a shell as a reader does, in a scratch directory beside an agent of
// its own. What a reader would have there already (a container c1, a file policy.rego) is put there
// before. A line that is new is run without anything to do here, and has to end with status 0; what
// is otherwise, and the few lines that are run elsewhere, stand in one table with the reason.
//
// It needs root and busybox-static.
package documents
