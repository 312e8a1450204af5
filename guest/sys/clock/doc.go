// SPDX-License-Identifier: Apache-2.0

// Package clock sets the guest's wall clock.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package clock
