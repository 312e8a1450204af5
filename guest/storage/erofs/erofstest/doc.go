// SPDX-License-Identifier: Apache-2.0

// Package erofstest makes the disks that tests of layered images need: block devices of
// bytes, partition tables, trees of hashes, and two small EROFS images. Only tests may
// import it.
package erofstest
