// SPDX-License-Identifier: Apache-2.0

// Package trial tries a policy on requests without an agent: it has the same engine and gives it the
// same documents, so that what a policy says is known before a pod is refused.
package trial
