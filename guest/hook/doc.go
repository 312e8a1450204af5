// SPDX-License-Identifier: Apache-2.0

// Package hook finds the OCI hooks a guest image brings along. It does not run them.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package hook
