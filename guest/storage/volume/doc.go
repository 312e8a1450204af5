// SPDX-License-Identifier: Apache-2.0

// Package volume attaches the storages a host asks for and takes them away again.
//
// It owns the list of storage drivers and what each of them means in the guest. Every
// Attach either leaves the system as it was or gives an Attached, whose Release undoes
// exactly what was done: it unmounts, lazily if the mount is in use, removes mount
// points and directories it made as long as nothing else is in them, gives huge pages
// back, and deletes no data but an overlay's upper directory it made itself.
//
// Mount points are below the directories of the pod, or refused. They are found and made by
// the rules of guest/mount: no symbolic link is followed.
//
// A storage that is to be encrypted is encrypted or refused, never mounted otherwise.
//
// It does not count users of a mount point or find devices: its callers do. Calls block
// as long as the kernel, mkfs or cryptsetup does; contexts end what can be ended. Drivers
// is safe for use from several goroutines, but two calls must not concern one mount point
// at the same time.
//
// It logs nothing and must import nothing of the agent but other guest packages.
package volume
