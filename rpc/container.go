// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/guest/container/sharedmount"
	"github.com/kata-containers/kata-agent/guest/device"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func (s *Service) containerMethods() []server.Method {
	return []server.Method{
		empty("CreateContainer", s.createContainer),
		empty("StartContainer", s.startContainer),
		empty("RemoveContainer", s.removeContainer, server.Urgent),
		empty("UpdateContainer", s.updateContainer),
		blocking("StatsContainer", s.statsContainer),
		empty("PauseContainer", s.pauseContainer),
		empty("ResumeContainer", s.resumeContainer),
	}
}

func (s *Service) createContainer(ctx context.Context, q *protocols.CreateContainerRequest) error {
	if err := id.Container(q.ContainerId).Check(); err != nil {
		return err
	}
	if q.OCI == nil {
		return fmt.Errorf("create container %q: the request has no OCI spec: EINVAL: Invalid argument", q.ContainerId)
	}
	spec, err := convert.Spec(q.OCI)
	if err != nil {
		return fmt.Errorf("create container %q: %w", q.ContainerId, err)
	}
	m := &sandbox.CreateContainer{SharedPID: q.SandboxPidns}
	m.ID, m.Spec, m.Storages = id.Container(q.ContainerId), spec, volumes(q.Storages)
	m.Ports = container.Ports{Stdin: q.StdinPort, Stdout: q.StdoutPort, Stderr: q.StderrPort}
	for _, d := range q.Devices {
		m.Devices = append(m.Devices, device.Request{
			ID: d.Id, Type: d.Type, VMPath: d.VmPath, ContainerPath: d.ContainerPath, Options: d.Options,
		})
	}
	if m.Shared, err = sharedMounts(q.SharedMounts); err != nil {
		return fmt.Errorf("create container %q: %w", q.ContainerId, err)
	}
	_, err = core.Ask(ctx, s.agent.Sandbox, m)
	return err
}

// sharedMounts leaves out whom a mount is for: hosts send each container its own only.
func sharedMounts(all []*protocols.SharedMount) ([]container.SharedMount, error) {
	mounts := make([]sharedmount.Mount, len(all))
	for i, m := range all {
		mounts[i] = sharedmount.Mount{Name: m.Name, Source: m.SrcCtr, SourcePath: m.SrcPath, DestinationPath: m.DstPath}
	}
	if err := sharedmount.CheckAll(mounts); err != nil {
		return nil, err
	}
	out := make([]container.SharedMount, len(all))
	for i, m := range mounts {
		out[i].Mount = m
	}
	return out, nil
}

func (s *Service) startContainer(ctx context.Context, q *protocols.StartContainerRequest) error {
	_, err := ask(ctx, s, q.ContainerId, &container.Start{})
	return internalIfUnknown(err)
}

// removeContainer answers with ETIME when the host's timeout (seconds; 0: none) passes
// before the removal has ended. The removal goes on, and a second request joins it.
func (s *Service) removeContainer(ctx context.Context, q *protocols.RemoveContainerRequest) error {
	if q.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(q.Timeout)*time.Second, errTimer)
		defer cancel()
	}
	_, err := ask(ctx, s, q.ContainerId, &container.Remove{})
	if err != nil && errors.Is(context.Cause(ctx), errTimer) {
		return opaque{fmt.Errorf("remove container %q: %w", q.ContainerId, errTimer)}
	}
	return internalIfUnknown(err)
}

// errTimer has the words of the agents before.
var errTimer = errors.New("ETIME: Timer expired")

// internalIfUnknown gives start, remove and exec the code that agents have always given
// them for an unknown container.
func internalIfUnknown(err error) error {
	if errors.Is(err, errNoContainer) {
		return opaque{err}
	}
	return err
}

func (s *Service) updateContainer(ctx context.Context, q *protocols.UpdateContainerRequest) error {
	if q.Resources == nil {
		_, err := s.container(q.ContainerId)
		return err
	}
	r, err := convert.Resources(q.Resources)
	if err != nil {
		return fmt.Errorf("update container %q: %w", q.ContainerId, err)
	}
	_, err = ask(ctx, s, q.ContainerId, &container.Update{Resources: r})
	return err
}

func (s *Service) statsContainer(ctx context.Context, q *protocols.StatsContainerRequest) (*protocols.StatsContainerResponse, error) {
	stats, err := ask(ctx, s, q.ContainerId, &container.Stats{})
	if err != nil {
		return nil, err
	}
	out := &protocols.StatsContainerResponse{CgroupStats: cgroupStats(stats)}
	out.NetworkStats, err = podNetworkStats()
	s.warn(err) // the other figures are of use without
	return out, nil
}

func (s *Service) pauseContainer(ctx context.Context, q *protocols.PauseContainerRequest) error {
	_, err := ask(ctx, s, q.ContainerId, &container.Pause{})
	return err
}

func (s *Service) resumeContainer(ctx context.Context, q *protocols.ResumeContainerRequest) error {
	_, err := ask(ctx, s, q.ContainerId, &container.Resume{})
	return err
}
