// SPDX-License-Identifier: Apache-2.0

// Package ctl tests kata-agent-ctl against a real agent: the program as a process of its own, with
// pipes and terminals, real containers on the other side. It needs root and busybox-static.
package ctl
