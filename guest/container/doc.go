// SPDX-License-Identifier: Apache-2.0

// Package container is the district of what makes and runs a container: the OCI
// runtime, sessions by the resident helper, standard streams, bundles, namespaces.
//
// It has no code of its own. Its packages import none of the districts device,
// network and storage: what a container needs of them is joined by the actors.
package container
