// SPDX-License-Identifier: Apache-2.0

// Package storage is the index of everything the agent has mounted for the pod, and one
// actor for each mount point.
//
// A mount point is mounted once, whoever asks first; others who ask meanwhile wait for
// that mount and then share it. It is unmounted when the last holder has let it go,
// except one that the host has marked as shared for the life of the sandbox. A mount that
// waits for a disk holds up nobody but those who want the same mount point.
package storage
