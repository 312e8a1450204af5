// SPDX-License-Identifier: Apache-2.0

// Package iptables reads and replaces the packet filter rules of the guest by its
// iptables-save and iptables-restore programs, or ip6tables- for IPv6.
//
// It promises that a program which hangs is killed when the caller's context ends or
// after a limit of its own, that no more than [MaxOutput] bytes of its output are kept,
// and that a failure shows what the program wrote on its standard error. The programs are
// waited for here: nothing else may reap them. The package must not import actors, rpc or
// protocols.
package iptables
