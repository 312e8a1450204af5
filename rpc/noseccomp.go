// SPDX-License-Identifier: Apache-2.0

//go:build !seccomp

package rpc

// SeccompBuilt tells whether libseccomp is in this binary.
const SeccompBuilt = false
