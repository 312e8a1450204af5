// SPDX-License-Identifier: Apache-2.0

// Package initdata reads the document that a host hands to a confidential guest on a small block
// device before anything runs in it: configuration of the guest components and a policy.
//
// The device begins with the eight bytes "initdata", the length of what follows as a little-endian
// 64-bit number, and a gzip stream of TOML with version, algorithm and a table of texts. The host is
// not trusted with more than the content: length, unpacked size and nesting are bounded.
//
// It does not log, and takes the directory of devices as a parameter. It must not import package policy,
// since builds without the policy engine use it too.
package initdata
