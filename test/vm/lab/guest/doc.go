// SPDX-License-Identifier: Apache-2.0

// Command guest is the lab's program inside the test VM, in parts told apart by
// argv[0]:
//
//   - init: the kernel's first program. It loads modules, starts the helper
//     and execs the program under test, which finds the system as the kernel
//     left it: PID 1, nothing mounted, the console on its descriptors.
//   - lab-helper: the host's way in. It carries vsock over virtio-serial
//     where the VM has no vsock device, and runs commands for the tests.
//   - lab-standin: an echo server in the agent's place, for the lab's own tests.
//   - guest: a tool for scripts; "guest dial CID PORT" joins a vsock connection
//     to standard input and output, as nc does for TCP; "guest probe CID PORT"
//     tells whether a port keeps the connection; "guest rootfs DIR" makes a
//     container's root file system from busybox.
//
// It is linked statically and imports only the wire format and the mux.
package main
