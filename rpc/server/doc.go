// SPDX-License-Identifier: Apache-2.0

// Package server listens on the agent's sockets and runs every call through the same gate: allow
// list, interceptors, panic guard, log line. The bytes and the calls that wait are the business of
// package frame; what a method does is the business of its handler, which is given as a Method.
//
// It promises that no connection is accepted before everything that answers it is in place, that a
// Shutdown answers the calls in flight before the sockets close, and that payloads and metadata are
// never logged.
//
// It must not import rpc, actors or guest.
package server
