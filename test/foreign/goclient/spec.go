// SPDX-License-Identifier: Apache-2.0

package main

import (
	pb "github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/grpc"
)

// process is what the host sends of an exec session: no capabilities, no limits.
func process(args ...string) *pb.Process {
	return &pb.Process{Args: args, Env: []string{"PATH=/usr/bin:/bin:/sbin"}, Cwd: "/", User: &pb.User{}}
}

func spec(rootfs, cgroup string) *pb.Spec {
	init := process("sleep", "1000")
	capabilities := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"}
	init.Capabilities = &pb.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities}
	init.NoNewPrivileges = true
	return &pb.Spec{
		Version: "1.1.0", Process: init, Root: &pb.Root{Path: rootfs}, Hostname: "pod",
		Mounts: []*pb.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		},
		Linux: &pb.Linux{
			CgroupsPath: cgroup + "/" + container,
			Namespaces:  []*pb.LinuxNamespace{{Type: "ipc"}, {Type: "uts"}, {Type: "mount"}},
			Resources:   &pb.LinuxResources{CPU: &pb.LinuxCPU{}, Memory: &pb.LinuxMemory{}},
		},
	}
}
