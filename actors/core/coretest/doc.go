// SPDX-License-Identifier: Apache-2.0

// Package coretest drives one behaviour of package core in a test: its turns
// run on the test's goroutine, its children and peers only collect what they
// are told, its works and timers wait to be completed or fired by hand. There
// is no system, no goroutine and no clock, so a test is exact and repeatable.
//
// Mailbox, Park, calls, Stop and panics are those of package core itself. A
// behaviour that panics fails the test, unless the test asks for the Cause.
//
// It must not import anything of the agent but package core.
package coretest
