// SPDX-License-Identifier: Apache-2.0

// Command kata-agent is the agent that runs in every Kata virtual machine, as its first
// program or as a service, takes orders from the host's runtime over ttRPC, and runs the
// pod's containers.
//
// This package only wires: configuration, logger, actors, server, and their end.
package main
