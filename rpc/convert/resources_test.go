// SPDX-License-Identifier: Apache-2.0

package convert_test

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestResources(t *testing.T) {
	device := func(major, minor int64) specs.LinuxBlockIODevice {
		return specs.LinuxBlockIODevice{Major: major, Minor: minor}
	}
	cases := map[string]struct {
		in   *protocols.LinuxResources
		want *specs.LinuxResources
	}{
		"absent": {nil, nil},
		"Go host: empty CPU, the rest stripped": {
			&protocols.LinuxResources{CPU: &protocols.LinuxCPU{}, Memory: &protocols.LinuxMemory{}},
			&specs.LinuxResources{CPU: &specs.LinuxCPU{}, Memory: &specs.LinuxMemory{}},
		},
		"limits": {
			&protocols.LinuxResources{
				Memory: &protocols.LinuxMemory{
					Limit: 1 << 30, Reservation: 1 << 20, Swap: 1 << 31, Kernel: 5, KernelTCP: 6, Swappiness: 60, DisableOOMKiller: true,
				},
				CPU: &protocols.LinuxCPU{
					Shares: 1024, Quota: 50000, Period: 100000, RealtimeRuntime: 1, RealtimePeriod: 2, Cpus: "0-1", Mems: "0",
				},
				Pids: &protocols.LinuxPids{Limit: 100},
			},
			&specs.LinuxResources{
				Memory: &specs.LinuxMemory{
					Limit: ptr[int64](1 << 30), Reservation: ptr[int64](1 << 20), Swap: ptr[int64](1 << 31),
					Kernel: ptr[int64](5), KernelTCP: ptr[int64](6), Swappiness: ptr[uint64](60), DisableOOMKiller: ptr(true),
				},
				CPU: &specs.LinuxCPU{
					Shares: ptr[uint64](1024), Quota: ptr[int64](50000), Period: ptr[uint64](100000),
					RealtimeRuntime: ptr[int64](1), RealtimePeriod: ptr[uint64](2), Cpus: "0-1", Mems: "0",
				},
				Pids: &specs.LinuxPids{Limit: ptr[int64](100)},
			},
		},
		"no limits": {
			&protocols.LinuxResources{
				Memory: &protocols.LinuxMemory{Limit: -1, Reservation: -1, Swap: -1, Kernel: -1, KernelTCP: -1},
				CPU:    &protocols.LinuxCPU{Quota: -1, RealtimeRuntime: -1},
				Pids:   &protocols.LinuxPids{Limit: -1},
			},
			&specs.LinuxResources{
				Memory: &specs.LinuxMemory{
					Limit: ptr[int64](-1), Reservation: ptr[int64](-1), Swap: ptr[int64](-1), Kernel: ptr[int64](-1), KernelTCP: ptr[int64](-1),
				},
				CPU:  &specs.LinuxCPU{Quota: ptr[int64](-1), RealtimeRuntime: ptr[int64](-1)},
				Pids: &specs.LinuxPids{Limit: ptr[int64](-1)},
			},
		},
		"other negative numbers": {
			&protocols.LinuxResources{
				Memory: &protocols.LinuxMemory{Limit: -4096}, CPU: &protocols.LinuxCPU{Quota: -2}, Pids: &protocols.LinuxPids{Limit: -9},
			},
			&specs.LinuxResources{
				Memory: &specs.LinuxMemory{Limit: ptr[int64](-1)}, CPU: &specs.LinuxCPU{Quota: ptr[int64](-1)}, Pids: &specs.LinuxPids{Limit: ptr[int64](-1)},
			},
		},
		"pids not given": {
			&protocols.LinuxResources{Pids: &protocols.LinuxPids{}},
			&specs.LinuxResources{Pids: &specs.LinuxPids{}},
		},
		"huge pages and network": {
			&protocols.LinuxResources{
				HugepageLimits: []*protocols.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 0}, {Pagesize: "1GB", Limit: 1 << 30}},
				Network:        &protocols.LinuxNetwork{ClassID: 7, Priorities: []*protocols.LinuxInterfacePriority{{Name: "eth0", Priority: 1}}},
			},
			&specs.LinuxResources{
				HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB"}, {Pagesize: "1GB", Limit: 1 << 30}},
				Network:        &specs.LinuxNetwork{ClassID: ptr[uint32](7), Priorities: []specs.LinuxInterfacePriority{{Name: "eth0", Priority: 1}}},
			},
		},
		"block I/O": {
			&protocols.LinuxResources{BlockIO: &protocols.LinuxBlockIO{
				Weight: 500, LeafWeight: 300,
				WeightDevice:            []*protocols.LinuxWeightDevice{{Major: 8, Minor: 0, Weight: 10}, {Major: 8, Minor: 16, LeafWeight: 20}},
				ThrottleReadBpsDevice:   []*protocols.LinuxThrottleDevice{{Major: 1, Minor: 2, Rate: 3}},
				ThrottleWriteBpsDevice:  []*protocols.LinuxThrottleDevice{{Major: 4, Minor: 5, Rate: 6}},
				ThrottleReadIOPSDevice:  []*protocols.LinuxThrottleDevice{{Major: 7, Minor: 8, Rate: 9}},
				ThrottleWriteIOPSDevice: []*protocols.LinuxThrottleDevice{{Major: 10, Minor: 11, Rate: 12}},
			}},
			&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
				Weight: ptr[uint16](500), LeafWeight: ptr[uint16](300),
				WeightDevice: []specs.LinuxWeightDevice{
					{LinuxBlockIODevice: device(8, 0), Weight: ptr[uint16](10)}, {LinuxBlockIODevice: device(8, 16), LeafWeight: ptr[uint16](20)},
				},
				ThrottleReadBpsDevice:   []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(1, 2), Rate: 3}},
				ThrottleWriteBpsDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(4, 5), Rate: 6}},
				ThrottleReadIOPSDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(7, 8), Rate: 9}},
				ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(10, 11), Rate: 12}},
			}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := convert.Resources(c.in)
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, c.want)
		})
	}
}

func TestDeviceRules(t *testing.T) {
	n := ptr[int64]
	cases := map[string]struct {
		in   *protocols.LinuxDeviceCgroup
		want []specs.LinuxDeviceCgroup
	}{
		"deny everything": {
			&protocols.LinuxDeviceCgroup{Type: "a", Access: "rwm"},
			[]specs.LinuxDeviceCgroup{{Type: "a", Access: "rwm"}},
		},
		"allow everything, zeros for absent numbers": {
			&protocols.LinuxDeviceCgroup{Allow: true, Type: "a"},
			[]specs.LinuxDeviceCgroup{{Allow: true, Type: "a", Access: "rwm"}},
		},
		"allow everything, any for absent numbers": {
			&protocols.LinuxDeviceCgroup{Allow: true, Major: -1, Minor: -1, Access: "rwm"},
			[]specs.LinuxDeviceCgroup{{Allow: true, Type: "a", Access: "rwm"}},
		},
		"one device": {
			&protocols.LinuxDeviceCgroup{Allow: true, Type: "c", Major: 1, Minor: 3, Access: "rw"},
			[]specs.LinuxDeviceCgroup{{Allow: true, Type: "c", Major: n(1), Minor: n(3), Access: "rw"}},
		},
		"first disk, not every disk": {
			&protocols.LinuxDeviceCgroup{Allow: true, Type: "b", Major: 8, Minor: 0, Access: "r"},
			[]specs.LinuxDeviceCgroup{{Allow: true, Type: "b", Major: n(8), Minor: n(0), Access: "r"}},
		},
		"every minor": {
			&protocols.LinuxDeviceCgroup{Allow: true, Type: "c", Major: 136, Minor: -1, Access: "rwm"},
			[]specs.LinuxDeviceCgroup{{Allow: true, Type: "c", Major: n(136), Access: "rwm"}},
		},
		"all types, one number": {
			&protocols.LinuxDeviceCgroup{Allow: true, Type: "a", Major: 10, Minor: 200, Access: "rw"},
			[]specs.LinuxDeviceCgroup{
				{Allow: true, Type: "b", Major: n(10), Minor: n(200), Access: "rw"},
				{Allow: true, Type: "c", Major: n(10), Minor: n(200), Access: "rw"},
			},
		},
		"unbuffered": {
			&protocols.LinuxDeviceCgroup{Type: "u", Major: 5, Minor: 1},
			[]specs.LinuxDeviceCgroup{{Type: "c", Major: n(5), Minor: n(1), Access: "rwm"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := convert.Resources(&protocols.LinuxResources{Devices: []*protocols.LinuxDeviceCgroup{c.in}})
			if err != nil {
				t.Fatal(err)
			}
			same(t, got.Devices, c.want)
		})
	}
}

func TestResourcesRefuses(t *testing.T) {
	rule := func(r protocols.LinuxDeviceCgroup) *protocols.LinuxResources {
		return &protocols.LinuxResources{Devices: []*protocols.LinuxDeviceCgroup{&r}}
	}
	cases := map[string]struct {
		in   *protocols.LinuxResources
		want string
	}{
		"device type":   {rule(protocols.LinuxDeviceCgroup{Allow: true, Type: "x"}), `device rule has unknown type "x"`},
		"device access": {rule(protocols.LinuxDeviceCgroup{Type: "c", Access: "rx"}), `device rule has unknown access "rx"`},
		"leaf weight": {
			&protocols.LinuxResources{BlockIO: &protocols.LinuxBlockIO{LeafWeight: 1 << 16}},
			"block I/O weight 65536 is too large",
		},
		"device weight": {
			&protocols.LinuxResources{BlockIO: &protocols.LinuxBlockIO{WeightDevice: []*protocols.LinuxWeightDevice{{Weight: 70000}}}},
			"block I/O weight 70000 is too large",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := convert.Resources(c.in)
			refused(t, err, c.want)
		})
	}
}
