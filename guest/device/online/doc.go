// SPDX-License-Identifier: Apache-2.0

// Package online takes CPUs and memory into use that the host has plugged in. The kernel
// shows them in sysfs but mostly leaves them offline.
//
// Every function can be called again at any time: what is online stays so. Waiting, for
// CPUs that are still on their way, ends with the caller's context. The package must not
// import actors, rpc or protocols.
package online
