// SPDX-License-Identifier: Apache-2.0

// Package vm tests the agent where only a machine of its own will do: as PID 1
// and as a service, over vsock, with devices that come and go, on cgroup v2,
// with a clock to set, and to the power-off at the end.
//
// The lab (test/vm/lab) boots the machines, the host (test/vm/host) plays the
// runtime. One boot serves many subtests; each subtest uses container ids and
// devices of its own.
package vm
