// SPDX-License-Identifier: Apache-2.0

// Package network is the actor that makes the changes to the guest's links, addresses,
// routes, neighbours and packet filter one after the other, in the order they were asked
// for. Listings do not go through it.
package network
