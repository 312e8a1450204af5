// SPDX-License-Identifier: Apache-2.0

// Package cpio writes archives in the "newc" format, the one the Linux kernel
// unpacks as an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
//
// It promises a reproducible archive: entries in the order given, owned by
// root, without times. Missing parent directories are added. It imports
// nothing but the standard library.
package cpio
