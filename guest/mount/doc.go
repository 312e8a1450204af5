// SPDX-License-Identifier: Apache-2.0

// Package mount makes, changes and takes away mounts in the agent's mount namespace.
//
// It owns the table of mount option words the hosts use, the making of mount points,
// and the way back: what Mount did is described by its result and Undo takes back
// exactly that.
//
// It promises that below the confined directories (by default /run/kata-containers,
// also as /run/user/<uid>/run/kata-containers) no symbolic link is followed on the way
// to a mount point: volumes and containers can write there. A bind source below them
// may pass links that stay inside. Mounts are made through the descriptor of the mount
// point found, so a path exchanged meanwhile does no harm. Elsewhere the guest image is
// trusted and links are followed, magic links never.
//
// Calls block for as long as the kernel does: a mount of a dead share may never
// return. Callers run them off their mailbox.
//
// It keeps no state, logs nothing and must import nothing of the agent but
// guest/sys/safepath.
package mount
