// SPDX-License-Identifier: Apache-2.0

// Package policyfile finds the policy document that the agent is to start with and reads it.
//
// It promises never to report a document as missing that exists: whatever keeps it from being found or
// read is an error. It does not know the language of policies and must not import package policy, so
// that a build without the policy engine can use it to refuse to run.
package policyfile
