// SPDX-License-Identifier: Apache-2.0

// Package rpc is the agent's service: what grpc.AgentService and grpc.Health answer.
//
// A handler turns a request into messages for actors. It calls a package below guest itself only
// where no two calls could get in each other's way: to convert and check what was sent, to read what
// the kernel knows (links, rules of iptables, sizes of volumes), or for one thing that the kernel does
// in one step (clock, random numbers, swap, probing of memory). What the service keeps between calls
// belongs to no actor: unfinished uploads of files, the visits of stale shares, the metrics collector.
// Each has its lock in its own package.
//
// One file has the requests of one noun; the table from errors to status codes is status.go, and no
// other file knows codes.
package rpc
