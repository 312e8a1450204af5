// SPDX-License-Identifier: Apache-2.0

// Package client calls an agent: any method by its name, and the calls of processes and their
// streams as Go methods. One Client is one connection; it may be used from any number of
// goroutines.
//
// It must not import anything of this module but protocols and the address package.
package client
