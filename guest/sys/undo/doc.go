// SPDX-License-Identifier: Apache-2.0

// Package undo takes back the steps of something that has not come to its end, or that is over.
// It imports nothing of the module. The list of a container is in actors/container: its steps
// have names, and it goes on after a panic.
package undo
