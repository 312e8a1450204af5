// SPDX-License-Identifier: Apache-2.0

// Package sysfs reads and writes single attributes, the small text files of sysfs and
// cgroupfs. It never creates a file: an attribute the kernel does not have is an error
// that matches fs.ErrNotExist, also in a test's plain directory. It must not import
// anything of this module.
package sysfs
