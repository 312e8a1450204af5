// SPDX-License-Identifier: Apache-2.0

// Package protocols holds the messages and services that cross the agent's sockets: its own service
// and health (proto package grpc), the OCI specification and network types inside them (grpc,
// types), and the Confidential Data Hub services the agent calls (api). The .proto files lie here;
// generate.sh writes the *.pb.go files from them with gogo/protobuf.
//
// It promises that names, numbers and types are those hosts use (a test compares them with the
// tables in testdata), that fields a newer host adds are skipped without an error, and that linking
// it costs a container start some 5 microseconds: no init function, no registry, no descriptors.
//
// Messages are plain structs. Things to know:
//
//   - Unmarshal adds to what the message holds; call Reset first to use one again. Byte slices are
//     copied out of the input.
//   - Strings are not checked for valid UTF-8 in either direction, but hosts refuse a reply that is
//     not. Clean what comes from the guest with strings.ToValidUTF8.
//   - Fields that may be absent (in the MemAgent configurations, and LinuxSyscall.ErrnoRet) are
//     interfaces that are nil when absent: `m.XSwap != nil` says whether swap was given and
//     m.GetSwap() what.
//   - ttRPC marshals messages of the other Go protobuf library only: wrap them with Wire.
//
// Importers are rpc, guest/components/cdh and cmd/kata-agent-ctl. The package must not import anything of this module.
package protocols
