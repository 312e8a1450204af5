// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	pb "github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/grpc"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Paths of the guest.
const (
	shared = "/run/kata-containers/shared/containers/"
	shm    = "/run/kata-containers/sandbox/shm"
)

// plan is a container to be.
type plan struct {
	id      string
	kind    string // pod_sandbox or pod_container
	args    []string
	seccomp bool // its profile is sent
}

// process is what the host sends of an exec session: no capabilities, no limits.
func process(terminal bool, args ...string) *pb.Process {
	return &pb.Process{
		Terminal: terminal, Args: args, Cwd: "/", User: &pb.User{AdditionalGids: []uint32{0, 10}},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
}

// containerSpec is a bundle's config.json as this host sends it: read by the OCI library, amended, converted
// by the host's own code, and what only the host can do taken out of the message.
func (o *options) containerSpec(p plan) (*pb.Spec, error) {
	b, err := os.ReadFile(o.spec)
	if err != nil {
		return nil, err
	}
	var oci specs.Spec
	if err := json.Unmarshal(b, &oci); err != nil {
		return nil, err
	}
	oci.Root.Path = o.rootfs
	oci.Process.Args = p.args
	oci.Linux.CgroupsPath = o.cgroup + "/" + p.id
	oci.Annotations["io.katacontainers.pkg.oci.container_type"] = p.kind
	oci.Annotations["io.katacontainers.pkg.oci.bundle_path"] = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + p.id
	for i := range oci.Mounts {
		if m := &oci.Mounts[i]; m.Destination == "/dev/shm" {
			m.Source, m.Options = shm, []string{"rbind"}
		}
	}
	oci.Mounts = append(oci.Mounts, specs.Mount{
		Destination: "/etc/resolv.conf", Type: "bind", Source: resolvConf(p.id), Options: []string{"rbind", "rprivate", "ro"},
	})
	out, err := pb.OCItoGRPC(&oci)
	if err != nil {
		return nil, fmt.Errorf("convert the specification: %w", err)
	}
	constrain(out, p.seccomp)
	return out, nil
}

// resolvConf is where the file of a container is copied to, without a shared file system.
func resolvConf(id string) string { return shared + id + "-0123456789abcdef-resolv.conf" }

// constrain takes out what the host does itself.
func constrain(s *pb.Spec, seccomp bool) {
	s.Hooks = nil
	if !seccomp {
		s.Linux.Seccomp = nil
	}
	r := s.Linux.Resources
	r.Devices, r.Pids, r.BlockIO, r.Network = nil, nil, nil, nil
	r.CPU.Cpus, r.CPU.Mems = "", ""
	s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n *pb.LinuxNamespace) bool {
		n.Path = ""
		return n.Type == "cgroup" || n.Type == "network" || n.Type == "time" || n.Type == "pid"
	})
}

// moreMemory is what a resize of the container sends.
func moreMemory() (*pb.LinuxResources, error) {
	limit, shares, quota, period := int64(256<<20), uint64(512), int64(150000), uint64(100000)
	return pb.ResourcesOCItoGRPC(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &limit, Swap: &limit},
		CPU:    &specs.LinuxCPU{Shares: &shares, Quota: &quota, Period: &period},
	})
}
