// SPDX-License-Identifier: Apache-2.0

// Package dns gives the guest the name servers of the sandbox. Containers have a
// resolv.conf of their own from the host; this one serves the guest's programs, such
// as those that pull images.
//
// It keeps no state, logs nothing and must import nothing of the agent but guest/mount.
package dns
