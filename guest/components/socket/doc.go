// SPDX-License-Identifier: Apache-2.0

// Package socket waits for unix sockets that another program is going to make: until there is one,
// or until somebody listens on it.
//
// It learns of a new socket from the kernel (inotify(7) on its directory). Nothing tells when the
// maker begins to listen, which it does right after: that alone is tried again at short intervals.
// It keeps nothing and logs nothing.
package socket
