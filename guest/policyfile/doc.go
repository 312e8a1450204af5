// SPDX-License-Identifier: Apache-2.0

// Package policyfile finds the policy document that the agent is to start with and reads it.
//
// It promises that a document that is there is never taken for one that is not: whatever keeps it
// from being found or read is an error. It knows nothing of what a policy says, so that a build
// without the policy engine can use it to refuse to run.
package policyfile
