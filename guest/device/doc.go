// SPDX-License-Identifier: Apache-2.0

// Package device turns what the host says about a container's devices into what the guest
// has: device numbers in the OCI specification, the drivers and groups of assigned PCI
// devices, PCI addresses in the environment, and devices described by CDI.
//
// It changes the specification it is given and, for assigned devices, the drivers of the
// devices named. It does not wait for hotplug: it names what to wait for, see
// [Request.Matcher]. Only CDI specifications, which a guest program writes, are waited for
// here, as long as the caller says.
//
// The package keeps no state and must not import actors, rpc or protocols.
package device
