// SPDX-License-Identifier: Apache-2.0

// Package soak tests what only shows after many: that ten thousand sessions and hundreds
// of containers leave no descriptor, thread, child or memory behind in the agent, and that
// no byte of their output is lost. The agent runs without the race detector, whose own
// memory would be in the figures.
package soak
