// SPDX-License-Identifier: Apache-2.0

// Package verity maps block devices through dm-verity, the kernel's target that checks
// every block read against a tree of hashes whose root is given from outside (kernel
// documentation, admin-guide/device-mapper/verity).
//
// It owns the few device-mapper ioctls this takes: guest images have neither veritysetup
// nor udev. It reads no superblock: every parameter comes from the caller, so nothing on
// the device decides how the device is checked.
//
// Names of mappings are chosen anew for each, so that no mapping of somebody else is ever
// met or removed. A mapping that is in use when it is closed goes with its last user.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package verity
