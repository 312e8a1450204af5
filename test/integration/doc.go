// SPDX-License-Identifier: Apache-2.0

// Package integration tests the agent as a whole: a real process, real containers, a unix
// socket. It needs root and busybox-static.
package integration
