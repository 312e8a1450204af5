// SPDX-License-Identifier: Apache-2.0

// Package sharedmount shows a mount of one container in another one, as hosts ask for it with the
// shared_mounts of a CreateContainer request: a program of the first container mounts something,
// mostly by FUSE, and the second is to see it.
//
// Both containers are hostile. What the host names is looked up below the container's root and
// nowhere else, so no name leads to a file of the guest's own. In the source no symbolic link is
// followed, and no file system is entered on the way that a program of the container may serve: its
// answer might never come. In the destination, whose programs do not run yet, links stay inside;
// proc, sysfs and cgroup file systems are not covered. What was found is held open, and the mount is
// made by these descriptors.
//
// The mount is a slave of the source's: mounts that the source makes below it later show in the
// destination, never the other way round.
//
// It needs Linux 5.12, keeps no state, logs nothing, and must import nothing of the agent but
// guest/container/namespace and guest/sys.
package sharedmount
