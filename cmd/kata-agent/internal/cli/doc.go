// SPDX-License-Identifier: Apache-2.0

// Package cli reads the agent's own command line.
//
// It owns the flags of both earlier agents and the texts that go with them. It
// prints nothing and ends nothing: the caller does, with the exit status the
// error carries. It imports nothing of this module.
package cli
