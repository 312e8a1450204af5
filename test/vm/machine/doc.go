// SPDX-License-Identifier: Apache-2.0

// Command machine boots the lab's virtual machine with the agent as its init, and gives a shell in it
// and an address for kata-agent-ctl. "make vm" runs it.
//
//	machine [-cgroup-v1] [-memory MiB] [kernel parameter...]
//
// The shell is the agent's debug console. When it ends, at the end of standard input where that is no
// terminal, and at INT, TERM or HUP, the machine ends and nothing of it is left. It is no command
// of kata-agent-ctl, since what is shipped does not depend on test code, and QEMU, the kernel and busybox
// come from the lab. It imports no package of the agent.
package main
