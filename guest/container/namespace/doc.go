// SPDX-License-Identifier: Apache-2.0

// Package namespace makes the IPC and UTS namespaces the containers of a sandbox share
// and keeps them alive by a bind mount, so that no process has to stay in them.
//
// It promises that no goroutine of the agent ever runs in such a namespace: they are
// made on an operating system thread that ends with the call and is never the main
// thread, whose namespaces /proc/self shows.
//
// The pid namespace that containers share is that of the first of them: PID holds it open.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package namespace
