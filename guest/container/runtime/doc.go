// SPDX-License-Identifier: Apache-2.0

// Package runtime runs OCI containers by libcontainer: it turns a spec into a
// container whose init waits just before exec, starts it, adds processes to it,
// freezes, changes, measures, kills and destroys it.
//
// It owns what libcontainer owns (state directory, cgroup, namespaces, the rootfs
// of the container) and promises that a call that fails leaves none of these
// behind. It does not know about actors, requests or the pod: every call blocks
// its caller until the kernel is done and may be made from any goroutine.
//
// It must not import actors, rpc or protocols.
package runtime
