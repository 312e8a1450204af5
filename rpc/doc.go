// SPDX-License-Identifier: Apache-2.0

// Package rpc is the agent's service: what grpc.AgentService and grpc.Health answer.
//
// A handler turns a request into messages for actors, or into one call of a leaf package
// where nothing is shared, and holds no state. One file has the requests of one noun; the
// table from errors to status codes is status.go, and nobody else knows codes.
package rpc
