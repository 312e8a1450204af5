// SPDX-License-Identifier: Apache-2.0

// Package convert turns the OCI messages of package protocols into the plain types of
// github.com/opencontainers/runtime-spec, which everything below the border works with.
//
// It promises that what a host sends is kept whole or refused with a sentence that names it: an
// *Error. Conversions share slices and maps with the message, which must not be used afterwards.
//
// The wire form has no presence for numbers and text, so zero and empty mean "not given"
// throughout, and -1 (in fact any negative number) means "no limit" where a limit is meant. Where
// zero is a value in its own right, the function concerned says so.
//
// Left out on purpose: Solaris and Windows, which no Linux guest can honour, User.Username, which is
// for Windows, and IntelRdt: the cache of the host cannot be divided from inside a guest, and the
// host applies that part itself.
//
// The messages of the network become the types of guest/network/netlink, and listings are turned back.
//
// It must not import actors, and nothing else of guest: it knows no state and touches no system.
package convert
