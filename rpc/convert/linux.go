// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"os"
	"slices"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// linux converts the Linux section. See the package comment about IntelRdt.
func linux(in *protocols.Linux) (*specs.Linux, error) {
	if in == nil {
		return defaultLinux(), nil
	}
	resources, err := Resources(in.Resources)
	if err != nil {
		return nil, err
	}
	namespaces, err := tryList(in.Namespaces, namespace)
	if err != nil {
		return nil, err
	}
	devices, err := tryList(in.Devices, device)
	if err != nil {
		return nil, err
	}
	seccomp, err := seccomp(in.Seccomp, spelledByRust(in.Namespaces))
	if err != nil {
		return nil, err
	}
	propagation := in.RootfsPropagation
	if propagation != "" {
		if propagation, err = propagations.word(propagation); err != nil {
			return nil, err
		}
	}
	return &specs.Linux{
		UIDMappings:       list(in.UIDMappings, idMapping),
		GIDMappings:       list(in.GIDMappings, idMapping),
		Sysctl:            in.Sysctl,
		Resources:         resources,
		CgroupsPath:       in.CgroupsPath,
		Namespaces:        namespaces,
		Devices:           devices,
		Seccomp:           seccomp,
		RootfsPropagation: propagation,
		MaskedPaths:       in.MaskedPaths,
		ReadonlyPaths:     in.ReadonlyPaths,
		MountLabel:        in.MountLabel,
	}, nil
}

// defaultLinux is the section of a specification that has none: namespaces that isolate the
// container but for the network, which all containers of a sandbox share, and the paths of /proc
// and /sys that runtimes hide by custom, lest a short specification be a weak one.
func defaultLinux() *specs.Linux {
	return &specs.Linux{
		Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace},
			{Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace},
			{Type: specs.MountNamespace},
		},
		MaskedPaths: []string{
			"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
			"/proc/scsi", "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
		},
		ReadonlyPaths: []string{
			"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
		},
	}
}

func namespace(in *protocols.LinuxNamespace) (specs.LinuxNamespace, error) {
	t, err := namespaceTypes.word(in.Type)
	return specs.LinuxNamespace{Type: specs.LinuxNamespaceType(t), Path: in.Path}, err
}

// spelledByRust tells whether the namespaces come from the oci-spec crate: its conversion to the wire
// cannot leave out an errno, and sends zero for one that is absent.
func spelledByRust(namespaces []*protocols.LinuxNamespace) bool {
	return slices.ContainsFunc(namespaces, func(n *protocols.LinuxNamespace) bool { return n.Type == "mnt" || n.Type == "net" })
}

func idMapping(in *protocols.LinuxIDMapping) specs.LinuxIDMapping {
	return specs.LinuxIDMapping{ContainerID: in.ContainerID, HostID: in.HostID, Size: in.Size_}
}

// device converts a node to be made in the container. Of its mode only the permission bits count, as
// they are in st_mode (the type is a member of its own); none at all is "not given".
func device(in *protocols.LinuxDevice) (specs.LinuxDevice, error) {
	kind, _ := deviceTypes.find(in.Type)
	if kind == "" || kind == "a" {
		return specs.LinuxDevice{}, refuse("device %s has unknown type %q", in.Path, in.Type)
	}
	uid, gid := in.UID, in.GID // zero is root, not "not given"
	return specs.LinuxDevice{
		Path:     in.Path,
		Type:     kind,
		Major:    in.Major,
		Minor:    in.Minor,
		FileMode: given(os.FileMode(in.FileMode & 0o7777)),
		UID:      &uid,
		GID:      &gid,
	}, nil
}
