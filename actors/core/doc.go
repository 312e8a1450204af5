// SPDX-License-Identifier: Apache-2.0

// Package core is the actor model of the agent: actors with a mailbox, typed
// requests with one reply, blocking work off the mailbox, and supervision that
// stops and never restarts.
//
// It owns the use of protoactor-go, which gives the actors their names, their
// tree, the order of stopping and the invocation of turns. No other package
// imports it. The mailbox is our own: that is what makes the promises below
// hold, because an open mailbox can be closed, and whatever was in it failed,
// under one lock.
//
// What it promises:
//   - a Ref.Tell never blocks, and what one goroutine tells one actor arrives in order;
//   - one turn of an actor runs at a time, on no particular OS thread;
//   - every request is answered exactly once: by a Reply, or by the death of the
//     actor that holds it, whichever comes first; none is lost between the two;
//   - a panic in a turn ends that actor and nothing else, and no request waits
//     for it;
//   - children are dead before their parent, and Behavior.Stopped runs exactly
//     once for each;
//   - a Ref addresses one life of an actor, never a later one of the same name;
//   - no log line holds the contents of a message.
//
// What a behaviour must not do in a turn: block, keep the Turn, start its own
// goroutine, or touch state of the OS thread (setns, unshare, prctl). Blocking
// work belongs into Go.
//
// The package must not import anything of the agent.
package core
