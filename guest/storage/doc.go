// SPDX-License-Identifier: Apache-2.0

// Package storage is the district of what is mounted for a container or a sandbox:
// volumes, layered images, file ownership, watched and shared files, swap.
//
// It has no code of its own. Its packages import none of the districts container,
// device and network: a volume's disk is waited for by the actors.
package storage
