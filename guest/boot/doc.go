// SPDX-License-Identifier: Apache-2.0

// Package boot makes a guest out of a bare kernel: what an init does before anything else
// runs. Mounts, the links of /dev, the session and its console, the host name and the limit of
// descriptors are set up as all Kata agents do as init. The loopback interface is brought up by
// cmd/kata-agent, since that is the network district's.
//
// Nothing of it is done when something else is the guest's init. It must not import
// actors, rpc or protocols, nor a package that looks at /sys/fs/cgroup before it is mounted.
package boot
