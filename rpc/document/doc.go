// SPDX-License-Identifier: Apache-2.0

// Package document turns requests into the documents that the rules of a policy read: every field of
// the message under its name in the .proto file, in the form in which the Kata agent in Rust gives it
// to its policy engine. Contents that no rule reads are left out.
//
// Policies of unmodified hosts depend on each name and form, so a golden file holds the document of
// every request.
package document
