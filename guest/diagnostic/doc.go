// SPDX-License-Identifier: Apache-2.0

// Package diagnostic reads what a container left behind to say why it ended.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package diagnostic
