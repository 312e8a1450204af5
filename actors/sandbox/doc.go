// SPDX-License-Identifier: Apache-2.0

// Package sandbox is the actor of the pod: what its containers share (namespaces, DNS,
// hooks, storages), the directory of its containers, and the queue of OOM kills.
//
// It creates nothing itself: containers are actors of their own, and what the pod needs
// of the guest is done beside the mailbox. So a container's create, however long, does
// not hold up the sandbox.
package sandbox
