// SPDX-License-Identifier: Apache-2.0

// Package netlink sets up and lists the guest's network: links, addresses, routes and
// neighbours, by rtnetlink.
//
// What it promises:
//   - a request is read and checked as a whole before anything is changed;
//   - a change of an interface that fails half way is taken back: no link stays down,
//     without its addresses or under a borrowed name;
//   - a request that is in effect already changes nothing, and in particular does not
//     take the link down, which would drop its routes;
//   - routes and neighbours are only ever added or replaced;
//   - no call waits longer than [Timeout] for the kernel.
//
// Addresses are the text of the request: IP addresses without a prefix length, MAC
// addresses of six hexadecimal groups. A [Handle] is for one caller at a time. The
// package must not import actors, rpc or protocols.
package netlink
