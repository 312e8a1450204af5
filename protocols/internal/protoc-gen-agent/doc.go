// SPDX-License-Identifier: Apache-2.0

// Command protoc-gen-agent is the protoc plugin that writes the Go code of package protocols. It is
// gogo/protobuf's gogofaster generator with two changes:
//
//   - what the agent never uses is cut from the output: compressed file descriptors, the global
//     registry of messages, the XXX_ methods of the reflective code path. Every container start
//     executes the agent's binary again and would run that registration once more;
//   - the table of services is written too, from the service definitions of all files.
//
// It promises the same output for the same .proto files, whatever the version of protoc. It is run
// by protocols/generate.sh only and must not be imported.
package main
