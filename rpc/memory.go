// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/guest/device/online"
	"github.com/kata-containers/kata-agent/guest/device/pci"
	"github.com/kata-containers/kata-agent/guest/storage/swap"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
)

// sys is the mount point of sysfs.
const sys = "/sys"

func (s *Service) memoryMethods() []server.Method {
	return []server.Method{
		empty("OnlineCPUMem", s.onlineCPUMem),
		empty("MemHotplugByProbe", s.memHotplugByProbe),
		empty("AddSwap", s.addSwap),
		empty("AddSwapPath", s.addSwapPath),
		empty("MemAgentMemcgSet", s.memAgentMemcgSet),
		empty("MemAgentCompactSet", s.memAgentCompactSet),
	}
}

// onlineCPUMem takes plugged CPUs (nb_cpus is the total that is to be online; 0: leave
// them) and memory into use. The host says with wait whether it wants to know the outcome:
// without, CPUs that do not come within a second are waited for beside the answer, and their
// failure is only logged. What is
// there already is online before the answer in either case.
func (s *Service) onlineCPUMem(ctx context.Context, q *protocols.OnlineCPUMemRequest) error {
	_, err := core.Ask(ctx, s.agent.Sandbox, &sandbox.Online{CPUs: int(q.NbCpus), Memory: !q.CpuOnly, Wait: q.Wait})
	return err
}

func (s *Service) memHotplugByProbe(_ context.Context, q *protocols.MemHotplugByProbeRequest) error {
	return online.Probe(sys, q.MemHotplugProbeAddr)
}

// addSwap takes the disk at a PCI path, given slot by slot, as swap space.
func (s *Service) addSwap(ctx context.Context, q *protocols.AddSwapRequest) error {
	path, err := pci.PathOfSlots(q.PCIPath)
	if err != nil {
		return err
	}
	node, err := s.agent.WaitDisk(ctx, "blk", path.String())
	if err != nil {
		return err
	}
	return swap.On(node)
}

func (s *Service) addSwapPath(_ context.Context, q *protocols.AddSwapPathRequest) error {
	return swap.On(q.Path)
}

// memoryDetails fills the part about memory hotplug, as far as it is asked for.
func (s *Service) memoryDetails(q *protocols.GuestDetailsRequest, out *protocols.GuestDetailsResponse) (err error) {
	if q.MemBlockSize {
		if out.MemBlockSizeBytes, err = online.BlockSize(sys); err != nil {
			return err
		}
	}
	if q.MemHotplugProbe {
		out.SupportMemHotplugProbe, err = online.CanProbe(sys)
	}
	return err
}
