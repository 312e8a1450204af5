// SPDX-License-Identifier: Apache-2.0

// Package seccomp compiles a seccomp profile into the filter that the kernel takes, so that
// a process without libseccomp in it, and with one thread, can load it as its last act.
//
// It promises the filter that runc's libcontainer loads: system calls that are newer than
// every one that the profile names fail with ENOSYS and not by the default action, since
// programs then fall back to older ones. It holds nothing and loads nothing itself.
//
// Without the build tag seccomp every profile is refused. It must not import actors, rpc or
// protocols.
package seccomp
