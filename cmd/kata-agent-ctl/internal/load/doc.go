// SPDX-License-Identifier: Apache-2.0

// Package load puts an agent under load as hosts do, and measures it from outside: the time of every
// operation and call, and, where the agent's process can be seen, its memory, processor time, threads
// and descriptors.
//
// A scenario is a list of loads that run at the same time. Every byte that comes back is compared with
// what should come back, so a run that ends without failures has lost nothing. The package must not
// import anything of this module but protocols and the command's own internal packages.
package load
