// SPDX-License-Identifier: Apache-2.0

// Package devicemapper makes and removes mappings of the kernel's device-mapper.
//
// It owns the few ioctls this takes (linux/dm-ioctl.h), for guest images have neither
// veritysetup nor dmsetup, and the table of one target: dm-verity, which checks every
// block read against a tree of hashes whose root is given from outside (kernel
// documentation, admin-guide/device-mapper/verity). It reads no superblock: nothing on the
// device decides how the device is checked.
//
// Names of verity mappings are chosen anew for each, so that no mapping of somebody else
// is ever met or removed. A mapping that is in use when it is removed goes with its last
// user.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package devicemapper
