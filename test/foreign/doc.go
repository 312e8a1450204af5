// SPDX-License-Identifier: Apache-2.0

// Package foreign runs the agent under clients that share no code with it: goclient, made of the
// client package of the Go runtime with its own messages and ttRPC version, and rustclient, made of
// the Rust ttRPC and oci-spec crates that runtime-rs uses. Each makes the calls its host makes: a
// storm of small ones on one connection, and the life of a pod with many exec sessions. The pod's
// specifications are testdata/config.json, as containerd writes it, read by the OCI library of each
// language and changed and converted as its host does it.
//
// The clients are programs of their own, goclient in a Go module of its own, so that nothing of
// them is linked into the agent or chosen by its go.mod. A machine that cannot build one skips its
// test, unless KATA_FOREIGN=require is set.
package foreign
