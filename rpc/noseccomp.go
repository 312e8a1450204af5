// SPDX-License-Identifier: Apache-2.0

//go:build !seccomp

package rpc

// seccompBuilt tells whether libseccomp is in this binary.
const seccompBuilt = false
