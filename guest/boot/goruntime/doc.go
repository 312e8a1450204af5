// SPDX-License-Identifier: Apache-2.0

// Package goruntime sets Go's runtime up for a program that is small, mostly idle, and
// makes many short system calls beside a few that block: how much garbage it keeps, how
// many goroutines it runs at once, and how often its monitor looks. The figures behind each
// are in docs/performance.md.
package goruntime
