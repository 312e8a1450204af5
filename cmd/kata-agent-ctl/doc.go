// SPDX-License-Identifier: Apache-2.0

// Command kata-agent-ctl talks to an agent as a host does: it makes any call by its name, runs
// scripts of calls, starts containers from OCI bundles and sessions in them with a terminal, and
// puts an agent under load and compares what it measured.
//
// It knows the agent by its protocol only: it imports protocols, and nothing of actors, rpc or
// guest. Each command is a file; what they share is in internal/.
package main
