// SPDX-License-Identifier: Apache-2.0

// Package guard has the only limits of time of the tests. A test waits for a condition; the limit,
// far above what the slowest machine takes, ends it when the condition never comes, and says what
// it waited for. What must be over at a deadline gets a context whose deadline the test makes pass
// when it has seen that there is something to end.
//
// test/architecture finds other limits, sleeps and measured times in tests. One that has to be has
// a comment "clock:" with the reason, at its line or at its function.
//
// It imports nothing of the module, so that tests of every package can use it.
package guard
