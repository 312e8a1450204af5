// SPDX-License-Identifier: Apache-2.0

// Package policy decides about requests by a Rego document, as the policy engine of the Kata agent
// in Rust does. The language is evaluated by Open Policy Agent's library; where that decides
// otherwise than the engine policies are written for, this package makes it decide alike, or refuses
// the document, or answers with an error: never with "allowed".
//
// A Policy is compiled once and never changes. An Engine holds the one in force with its state; a
// new one takes its place in one step, and evaluations run at the same time without a lock. Patches
// of the state are applied as if the evaluations had run one after another.
//
// The package knows requests only as values with a name. It reads no file, does not log, and its
// documents can reach nothing outside of it: no network, no clock, no environment.
package policy
