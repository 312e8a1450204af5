// SPDX-License-Identifier: Apache-2.0

// Package script runs lists of commands: names of the agent's calls with their arguments, and a
// few commands of its own (echo, sleep, repeat, list, quit). Lists written for the agent-ctl of
// Kata Containers run unchanged.
//
// A line is read by Parse, becomes one or more requests in build*.go, and Runner sends them one
// after another. Values that a line leaves out come from earlier lines, or are made up, unless
// that is turned off. The package must not import anything of this module but protocols and the
// command's own internal packages.
package script
