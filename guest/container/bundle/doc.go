// SPDX-License-Identifier: Apache-2.0

// Package bundle makes and removes the OCI bundle of a container: the directory
// <root>/<container id> with config.json and rootfs. Hosts, hooks and CDI rely on that
// place (Kata's convention is /run/kata-containers/<container id>).
// It also finds the guest's own hooks and reads a container's termination log.
//
// It must not import actors, rpc or protocols.
package bundle
