// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/output"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/spf13/cobra"
)

// cpuPeriod is the period of a CPU quota, in microseconds: the kernel's default.
const cpuPeriod = 100_000

type updateOptions struct {
	memory, cpuset string
	cpus           float64
	shares         uint64
	pids           int64
}

func newUpdate(g *global) *cobra.Command {
	o := new(updateOptions)
	cmd := &cobra.Command{
		Use:     "update [flags] <container>...",
		Short:   "Change the limits of containers",
		GroupID: "use",
		Example: `  kata-agent-ctl update --memory 256m --cpus 1.5 c1
  kata-agent-ctl update --pids 100 c1 c2`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, ids []string) error {
			resources, err := o.resources(cmd)
			if err != nil {
				return usageError{err}
			}
			return g.each(cmd, ids, func(ctx context.Context, c *client.Client, id string) error {
				return c.Do(ctx, "UpdateContainer", &protocols.UpdateContainerRequest{ContainerId: id, Resources: resources})
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.memory, "memory", "m", "", "memory limit in `bytes`, or with k, m or g in units of 1024")
	f.Float64Var(&o.cpus, "cpus", 0, "processor time, in `processors`")
	f.Uint64Var(&o.shares, "cpu-shares", 0, "`weight` against other containers; 1024 is normal")
	f.StringVar(&o.cpuset, "cpuset-cpus", "", "`list` of the processors to run on, as 0-2,4")
	f.Int64Var(&o.pids, "pids", 0, "`number` of processes and threads; -1 is no limit")
	return cmd
}

// resources has what was given and nothing else: what is absent is left as it is.
func (o *updateOptions) resources(cmd *cobra.Command) (*protocols.LinuxResources, error) {
	r, given := new(protocols.LinuxResources), cmd.Flags().Changed
	if given("memory") {
		limit, err := output.ParseBytes(o.memory)
		if err != nil {
			return nil, fmt.Errorf("--memory: %w", err)
		}
		r.Memory = &protocols.LinuxMemory{Limit: limit}
	}
	if given("cpus") || given("cpu-shares") || given("cpuset-cpus") {
		r.CPU = &protocols.LinuxCPU{Shares: o.shares, Cpus: o.cpuset}
		if given("cpus") {
			if o.cpus < 0.01 {
				return nil, fmt.Errorf("--cpus: %v is less than 0.01", o.cpus)
			}
			r.CPU.Quota, r.CPU.Period = int64(o.cpus*cpuPeriod), cpuPeriod
		}
	}
	if given("pids") {
		r.Pids = &protocols.LinuxPids{Limit: o.pids}
	}
	if r.Memory == nil && r.CPU == nil && r.Pids == nil {
		return nil, errors.New("update: no limit is given")
	}
	return r, nil
}
