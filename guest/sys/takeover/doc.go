// SPDX-License-Identifier: Apache-2.0

// Package takeover replaces goroutines that the kernel does not give back.
//
// A handler that does not block can be held up by the kernel all the same: even a nonblocking
// read of a pipe waits while a writer that has the pipe's lock waits for a page of a file
// (splice(2) and sendfile(2) read under that lock), and on a dead file system that page never
// comes. So a loop that calls handlers one after the other has a watch, which lets another
// goroutine go on with the loop when a handler does not return.
//
// It owns no goroutine, and a timer only while a loop is used. Entering and leaving a handler
// costs two atomic operations and takes no lock. It logs nothing and imports nothing of the agent.
package takeover
