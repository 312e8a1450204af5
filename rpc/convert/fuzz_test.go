// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/network/netlink"
	"github.com/kata-containers/kata-agent/protocols"
)

// seed adds a message in its wire form.
func seed(f *testing.F, messages ...protocols.Message) {
	f.Helper()
	for _, m := range messages {
		data, err := m.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// FuzzSpec: whatever a host sends is converted or refused in a sentence of our own, the same each time,
// and what is converted keeps the promises that the layers below rely on.
func FuzzSpec(f *testing.F) {
	seed(f,
		&protocols.Spec{Process: &protocols.Process{}},
		&protocols.Spec{
			Version: "1.1.0", Hostname: "pod", Root: &protocols.Root{Path: "/run/kata-containers/shared/containers/c1/rootfs"},
			Process: &protocols.Process{
				Args: []string{"sh"}, Env: []string{"PATH=/bin", "HOME="}, Cwd: "/", User: &protocols.User{UID: 1, AdditionalGids: []uint32{5}},
				Capabilities: &protocols.LinuxCapabilities{Bounding: []string{"CAP_KILL", "cap_chown", "NET_RAW"}},
				Rlimits:      []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}}, OOMScoreAdj: 900,
			},
			Mounts: []*protocols.Mount{{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"ro", "rbind,nosuid"}}},
			Hooks:  &protocols.Hooks{Prestart: []*protocols.Hook{{Path: "/bin/true", Timeout: 3}}},
			Linux: &protocols.Linux{
				Namespaces:  []*protocols.LinuxNamespace{{Type: "mount"}, {Type: "Network"}},
				UIDMappings: []*protocols.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size_: 10}},
				Devices:     []*protocols.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, FileMode: 0o666}},
				Seccomp: &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ERRNO", Architectures: []string{"SCMP_ARCH_X86_64"}, Syscalls: []*protocols.LinuxSyscall{
					{Names: []string{"read"}, Action: "SCMP_ACT_ALLOW", Args: []*protocols.LinuxSeccompArg{{Index: 1, Value: 2, Op: "SCMP_CMP_EQ"}}},
				}},
				Resources: &protocols.LinuxResources{Devices: []*protocols.LinuxDeviceCgroup{{Allow: true, Type: "c", Major: -1, Minor: -1, Access: "rwm"}}},
			},
		},
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		var in, again protocols.Spec
		if in.Unmarshal(data) != nil || again.Unmarshal(data) != nil {
			return
		}
		out, err := Spec(&in)
		second, secondErr := Spec(&again)
		if !reflect.DeepEqual(out, second) || (err == nil) != (secondErr == nil) {
			t.Fatalf("%v and %v of the same bytes", err, secondErr)
		}
		if own := (*Error)(nil); err != nil && !errors.As(err, &own) {
			t.Fatalf("refused with %T: %v", err, err)
		}
		if err != nil {
			return
		}
		if out.Process == nil || out.Linux == nil {
			t.Fatal("converted without a process or a linux section")
		}
		for _, kv := range out.Process.Env {
			if name, _, ok := strings.Cut(kv, "="); !ok || name == "" {
				t.Errorf("environment %q", kv)
			}
		}
	})
}

// FuzzResources converts what UpdateContainer brings.
func FuzzResources(f *testing.F) {
	seed(f, &protocols.LinuxResources{
		Memory: &protocols.LinuxMemory{Limit: 1 << 30, Swap: -1}, CPU: &protocols.LinuxCPU{Shares: 2, Quota: -1, Period: 100000, Cpus: "0-3"},
		BlockIO: &protocols.LinuxBlockIO{Weight: 10, WeightDevice: []*protocols.LinuxWeightDevice{{Major: 8, Weight: 3}}}, Pids: &protocols.LinuxPids{Limit: 7},
		HugepageLimits: []*protocols.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4}},
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		var in protocols.LinuxResources
		if in.Unmarshal(data) != nil {
			return
		}
		out, err := Resources(&in)
		if own := (*Error)(nil); err != nil && !errors.As(err, &own) {
			t.Fatalf("refused with %T: %v", err, err)
		}
		if err == nil && out == nil {
			t.Fatal("neither resources nor an error")
		}
	})
}

// FuzzNetwork converts interfaces, routes and neighbours; what is taken can be listed again.
func FuzzNetwork(f *testing.F) {
	seed(f, &protocols.Interface{Name: "eth0", HwAddr: "02:00:00:00:00:01", Mtu: 1500, IPAddresses: []*protocols.IPAddress{{Address: "10.0.0.2", Mask: "24"}}})
	seed(f, &protocols.Routes{Routes: []*protocols.Route{{Dest: "default", Gateway: "10.0.0.1", Device: "eth0"}, {Dest: "fd00::/64", Family: 1}}})
	seed(f, &protocols.ARPNeighbors{ARPNeighbors: []*protocols.ARPNeighbor{{ToIPAddress: &protocols.IPAddress{Address: "10.0.0.3"}, Lladdr: "02:00:00:00:00:02", State: 128}}})
	f.Fuzz(func(t *testing.T, data []byte) {
		var link protocols.Interface
		if link.Unmarshal(data) == nil {
			if out, err := Interface(&link); err == nil {
				_ = WireInterfaces([]netlink.Interface{out})
			}
		}
		var routes protocols.Routes
		if routes.Unmarshal(data) == nil {
			out, err := Routes(routes.Routes)
			if err == nil && len(out) != len(routes.Routes) {
				t.Errorf("%d routes became %d", len(routes.Routes), len(out))
			}
			_ = WireRoutes(out)
		}
		var neighbors protocols.ARPNeighbors
		if neighbors.Unmarshal(data) == nil {
			_, _ = Neighbors(neighbors.ARPNeighbors)
		}
	})
}
