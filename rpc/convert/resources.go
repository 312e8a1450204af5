// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"math"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Resources converts the limits of a container, at its creation and in updates. Absent resources
// give nil and no error. A limit that is not given is nil, which leaves in force what is; -1 lifts
// it.
func Resources(in *protocols.LinuxResources) (*specs.LinuxResources, error) {
	if in == nil {
		return nil, nil
	}
	devices, err := deviceRules(in.Devices)
	if err != nil {
		return nil, err
	}
	blockIO, err := blockIO(in.BlockIO)
	if err != nil {
		return nil, err
	}
	out := &specs.LinuxResources{
		Devices: devices,
		Memory:  memory(in.Memory),
		CPU:     cpu(in.CPU),
		BlockIO: blockIO,
		HugepageLimits: list(in.HugepageLimits, func(h *protocols.LinuxHugepageLimit) specs.LinuxHugepageLimit {
			return specs.LinuxHugepageLimit{Pagesize: h.Pagesize, Limit: h.Limit}
		}),
		Network: network(in.Network),
	}
	if in.Pids != nil {
		out.Pids = &specs.LinuxPids{Limit: limit(in.Pids.Limit)}
	}
	return out, nil
}

// limit returns nil for zero (not given) and -1 for every negative number: the kernel refuses the
// others, and no host means anything else by them.
func limit(v int64) *int64 {
	return given(max(v, -1))
}

// memory: a kernel limit is passed on though the kernel dropped it in 5.4; whoever applies it knows.
func memory(in *protocols.LinuxMemory) *specs.LinuxMemory {
	if in == nil {
		return nil
	}
	return &specs.LinuxMemory{
		Limit:            limit(in.Limit),
		Reservation:      limit(in.Reservation),
		Swap:             limit(in.Swap),
		Kernel:           limit(in.Kernel), // deprecated, but sent
		KernelTCP:        limit(in.KernelTCP),
		Swappiness:       given(in.Swappiness),
		DisableOOMKiller: given(in.DisableOOMKiller),
	}
}

func cpu(in *protocols.LinuxCPU) *specs.LinuxCPU {
	if in == nil {
		return nil
	}
	return &specs.LinuxCPU{
		Shares:          given(in.Shares),
		Quota:           limit(in.Quota),
		Period:          given(in.Period),
		RealtimeRuntime: limit(in.RealtimeRuntime),
		RealtimePeriod:  given(in.RealtimePeriod),
		Cpus:            in.Cpus,
		Mems:            in.Mems,
	}
}

func network(in *protocols.LinuxNetwork) *specs.LinuxNetwork {
	if in == nil {
		return nil
	}
	return &specs.LinuxNetwork{
		ClassID: given(in.ClassID),
		Priorities: list(in.Priorities, func(p *protocols.LinuxInterfacePriority) specs.LinuxInterfacePriority {
			return specs.LinuxInterfacePriority{Name: p.Name, Priority: p.Priority}
		}),
	}
}

func blockIO(in *protocols.LinuxBlockIO) (*specs.LinuxBlockIO, error) {
	if in == nil {
		return nil, nil
	}
	w, err := weight(in.Weight)
	if err != nil {
		return nil, err
	}
	leaf, err := weight(in.LeafWeight)
	if err != nil {
		return nil, err
	}
	devices, err := tryList(in.WeightDevice, weightDevice)
	if err != nil {
		return nil, err
	}
	return &specs.LinuxBlockIO{
		Weight:                  w,
		LeafWeight:              leaf,
		WeightDevice:            devices,
		ThrottleReadBpsDevice:   list(in.ThrottleReadBpsDevice, throttleDevice),
		ThrottleWriteBpsDevice:  list(in.ThrottleWriteBpsDevice, throttleDevice),
		ThrottleReadIOPSDevice:  list(in.ThrottleReadIOPSDevice, throttleDevice),
		ThrottleWriteIOPSDevice: list(in.ThrottleWriteIOPSDevice, throttleDevice),
	}, nil
}

func weightDevice(in *protocols.LinuxWeightDevice) (specs.LinuxWeightDevice, error) {
	var out specs.LinuxWeightDevice
	var err error
	out.Major, out.Minor = in.Major, in.Minor
	if out.Weight, err = weight(in.Weight); err != nil {
		return out, err
	}
	out.LeafWeight, err = weight(in.LeafWeight)
	return out, err
}

// weight has 32 bits on the wire and 16 in the specification: a larger one is refused rather than
// cut off.
func weight(v uint32) (*uint16, error) {
	if v > math.MaxUint16 {
		return nil, refuse("block I/O weight %d is too large", v)
	}
	return given(uint16(v)), nil
}

func throttleDevice(in *protocols.LinuxThrottleDevice) specs.LinuxThrottleDevice {
	out := specs.LinuxThrottleDevice{Rate: in.Rate}
	out.Major, out.Minor = in.Major, in.Minor
	return out
}
