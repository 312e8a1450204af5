// SPDX-License-Identifier: Apache-2.0

// Package swap gives the kernel a disk or file to swap to. It writes no swap header: the
// host has done so. It must not import anything of this module.
package swap
