// SPDX-License-Identifier: Apache-2.0

// Package bundle reads OCI bundles: a directory with a config.json of the runtime specification
// and a root file system. It turns the specification into the message a host sends, and takes
// out of it what a host keeps for itself. It makes bundles too, of busybox or of an image.
//
// What the message cannot carry is named by Lost, never dropped in silence. The package must
// not import anything of this module but protocols.
package bundle
