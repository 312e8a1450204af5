// SPDX-License-Identifier: Apache-2.0

// Package components has the actors that look after the guest components of Confidential Containers:
// one that starts them in their order, and one for each of them.
//
// A component is started, awaited and reaped by works of its own actor. When it ends it is started again,
// after a pause that grows while that goes on happening, and for as long as its actor lives; with the
// actor it ends. One that has never become ready is the end of the launch, and so of the agent:
// a confidential guest is not to run without what attests it.
package components
