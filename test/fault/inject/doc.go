// SPDX-License-Identifier: Apache-2.0

// Package inject makes system calls of an agent fail, one at a time and counted, as
// strace(1) does with "-e inject". It is a seccomp filter with a listener
// (seccomp_unotify(2)): the agent is started by Wrap's command, which installs the filter,
// hands its listener to the test and becomes the agent; the test answers each call with an
// errno or lets it go on.
package inject
