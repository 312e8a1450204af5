// SPDX-License-Identifier: Apache-2.0

// Package fsgroup gives a volume's files to a supplementary group, as Kubernetes'
// securityContext.fsGroup asks for.
//
// It promises to touch only what lies on the volume itself: symbolic links are neither
// followed nor changed, and mounts inside the volume are left alone, whoever exchanges
// directories meanwhile. It ends with its context.
//
// It keeps no state, logs nothing and must import nothing of the agent but
// guest/sys/safepath.
package fsgroup
