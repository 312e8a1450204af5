// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Resources converts limits. In the message a limit of zero is one that is not given.
func Resources(in *specs.LinuxResources) *protocols.LinuxResources {
	if in == nil {
		return nil
	}
	out := &protocols.LinuxResources{
		Devices: list(in.Devices, deviceRule),
		Memory:  memory(in.Memory),
		CPU:     cpu(in.CPU),
		BlockIO: blockIO(in.BlockIO),
		HugepageLimits: list(in.HugepageLimits, func(h specs.LinuxHugepageLimit) *protocols.LinuxHugepageLimit {
			return &protocols.LinuxHugepageLimit{Pagesize: h.Pagesize, Limit: h.Limit}
		}),
		Network: network(in.Network),
	}
	if in.Pids != nil {
		out.Pids = &protocols.LinuxPids{Limit: value(in.Pids.Limit)}
	}
	return out
}

// deviceRule: an absent number is any, which the message writes as -1 because 0 is a number.
func deviceRule(in specs.LinuxDeviceCgroup) *protocols.LinuxDeviceCgroup {
	number := func(p *int64) int64 {
		if p == nil {
			return -1
		}
		return *p
	}
	return &protocols.LinuxDeviceCgroup{
		Allow: in.Allow, Type: in.Type, Major: number(in.Major), Minor: number(in.Minor), Access: in.Access,
	}
}

func memory(in *specs.LinuxMemory) *protocols.LinuxMemory {
	if in == nil {
		return nil
	}
	return &protocols.LinuxMemory{
		Limit: value(in.Limit), Reservation: value(in.Reservation), Swap: value(in.Swap),
		Kernel:    value(in.Kernel), // deprecated, but in use
		KernelTCP: value(in.KernelTCP), Swappiness: value(in.Swappiness),
		DisableOOMKiller: value(in.DisableOOMKiller),
	}
}

func cpu(in *specs.LinuxCPU) *protocols.LinuxCPU {
	if in == nil {
		return nil
	}
	return &protocols.LinuxCPU{
		Shares: value(in.Shares), Quota: value(in.Quota), Period: value(in.Period),
		RealtimeRuntime: value(in.RealtimeRuntime), RealtimePeriod: value(in.RealtimePeriod),
		Cpus: in.Cpus, Mems: in.Mems,
	}
}

func network(in *specs.LinuxNetwork) *protocols.LinuxNetwork {
	if in == nil {
		return nil
	}
	return &protocols.LinuxNetwork{
		ClassID: value(in.ClassID),
		Priorities: list(in.Priorities, func(p specs.LinuxInterfacePriority) *protocols.LinuxInterfacePriority {
			return &protocols.LinuxInterfacePriority{Name: p.Name, Priority: p.Priority}
		}),
	}
}

func blockIO(in *specs.LinuxBlockIO) *protocols.LinuxBlockIO {
	if in == nil {
		return nil
	}
	return &protocols.LinuxBlockIO{
		Weight: uint32(value(in.Weight)), LeafWeight: uint32(value(in.LeafWeight)),
		WeightDevice: list(in.WeightDevice, func(d specs.LinuxWeightDevice) *protocols.LinuxWeightDevice {
			return &protocols.LinuxWeightDevice{
				Major: d.Major, Minor: d.Minor,
				Weight: uint32(value(d.Weight)), LeafWeight: uint32(value(d.LeafWeight)),
			}
		}),
		ThrottleReadBpsDevice:   list(in.ThrottleReadBpsDevice, throttle),
		ThrottleWriteBpsDevice:  list(in.ThrottleWriteBpsDevice, throttle),
		ThrottleReadIOPSDevice:  list(in.ThrottleReadIOPSDevice, throttle),
		ThrottleWriteIOPSDevice: list(in.ThrottleWriteIOPSDevice, throttle),
	}
}

func throttle(in specs.LinuxThrottleDevice) *protocols.LinuxThrottleDevice {
	return &protocols.LinuxThrottleDevice{Major: in.Major, Minor: in.Minor, Rate: in.Rate}
}
