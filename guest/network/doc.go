// SPDX-License-Identifier: Apache-2.0

// Package network is the district of the guest's network: links, addresses, routes
// and neighbours, the packet filter, name servers.
//
// It has no code of its own. Its packages import none of the districts container,
// device and storage.
package network
