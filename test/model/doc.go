// SPDX-License-Identifier: Apache-2.0

// Package model makes random calls from many clients at once and holds every answer against a small
// model of a pod: which states its containers, processes and streams may be in, and what may be
// answered then. An answer that no state allows is a finding: a code, a text, an exit status, a byte.
//
//   - A plan (plan.go) is what the clients do, made from a seed.
//   - The rules (state.go, rules.go) say how one container may go from state to state, and what each
//     call gives in each of them.
//   - A history (history.go) keeps the set of all states that a container may be in, since calls of
//     several clients overlap: a call takes effect at some moment between its request and its answer.
//     What the answer rules out leaves the set. An empty set is a finding.
//   - Streams (stream.go) know every byte that a process writes.
//   - A run (run.go) makes the calls of a plan, and in the end removes everything.
//   - A finding is made small (shrink.go) and written as commands of kata-agent-ctl (script.go).
//
// A call that has reached its deadline, or whose client has gone, may have an effect after that: it
// stays in the set until it must be over.
package model
