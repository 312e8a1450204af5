// SPDX-License-Identifier: Apache-2.0

// Package guesttest is what the tests of many packages need: an end at the first error, a test for
// descriptors that stay open, root, a file system of the test's own. Waiting is in test/guard.
//
// It imports nothing of the module, so that tests of every package can use it.
package guesttest
