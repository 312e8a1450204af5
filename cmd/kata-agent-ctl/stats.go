// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/output"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/protocols/protojson"
	"github.com/spf13/cobra"
)

type statsOptions struct {
	*global
	format   output.Format
	interval time.Duration
	stream   bool
}

func newStats(g *global) *cobra.Command {
	o := &statsOptions{global: g}
	cmd := &cobra.Command{
		Use:     "stats [flags] <container>...",
		Short:   "Show what containers use: processor, memory, network, block devices, processes",
		GroupID: "use",
		Long: `Show what containers use. Processor time is in percent of one processor, over an interval; the
other figures are totals. With JSON and YAML one gets what the agent says, whole.`,
		Example: `  kata-agent-ctl stats c1 c2
  kata-agent-ctl stats --stream c1
  kata-agent-ctl stats -o json c1`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE:              func(cmd *cobra.Command, ids []string) error { return o.run(cmd, ids) },
	}
	f := cmd.Flags()
	f.VarP(&o.format, "output", "o", "table, json or yaml (default: table on a terminal, else json)")
	f.DurationVar(&o.interval, "interval", time.Second, "`time` over which processor time is measured")
	f.BoolVar(&o.stream, "stream", false, "go on, a table for each interval")
	return cmd
}

// A sample is what a container had used at a time.
type sample struct {
	at    time.Time
	stats *protocols.StatsContainerResponse
}

func (o *statsOptions) run(cmd *cobra.Command, ids []string) error {
	c, err := o.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	before, err := samples(cmd.Context(), c, ids)
	if err != nil {
		return err
	}
	if o.format.For(cmd.OutOrStdout()) != output.Table {
		return o.writeWhole(cmd, ids, before)
	}
	for {
		select {
		case <-cmd.Context().Done():
			return nil
		case <-time.After(o.interval):
		}
		after, err := samples(cmd.Context(), c, ids)
		if err != nil {
			return err
		}
		if err := statsTable(ids, before, after).Write(cmd.OutOrStdout()); err != nil || !o.stream {
			return err
		}
		before = after
	}
}

func samples(ctx context.Context, c *client.Client, ids []string) ([]sample, error) {
	var out []sample
	for _, id := range ids {
		reply, err := c.Ask(ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: id})
		if err != nil {
			return nil, err
		}
		out = append(out, sample{time.Now(), reply.(*protocols.StatsContainerResponse)})
	}
	return out, nil
}

func (o *statsOptions) writeWhole(cmd *cobra.Command, ids []string, list []sample) error {
	whole := map[string]json.RawMessage{}
	for i, id := range ids {
		text, err := protojson.Marshal(list[i].stats, "", true)
		if err != nil {
			return err
		}
		whole[id] = text
	}
	return o.format.Write(cmd.OutOrStdout(), whole, nil)
}

// statsTable has a row for each container.
func statsTable(ids []string, before, after []sample) output.Rows {
	rows := output.Rows{{"CONTAINER", "CPU", "MEMORY", "LIMIT", "NET IN/OUT", "BLOCK IN/OUT", "PIDS"}}
	for i, id := range ids {
		cgroup := after[i].stats.GetCgroupStats()
		memory := cgroup.GetMemoryStats().GetUsage()
		in, out := network(after[i].stats)
		read, written := block(cgroup.GetBlkioStats())
		rows = append(rows, []string{
			id, cpuPercent(before[i], after[i]), output.Bytes(memory.GetUsage()), memoryLimit(memory.GetLimit()),
			output.Bytes(in) + " / " + output.Bytes(out), output.Bytes(read) + " / " + output.Bytes(written),
			strconv.FormatUint(cgroup.GetPidsStats().GetCurrent(), 10),
		})
	}
	return rows
}

func cpuPercent(before, after sample) string {
	used := func(s sample) uint64 { return s.stats.GetCgroupStats().GetCpuStats().GetCpuUsage().GetTotalUsage() }
	took := after.at.Sub(before.at)
	if took <= 0 || used(after) < used(before) {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(used(after)-used(before))/float64(took))
}

// memoryLimit is "" for the kernel's ways to say that there is none.
func memoryLimit(n uint64) string {
	if n == 0 || n >= 1<<62 {
		return ""
	}
	return output.Bytes(n)
}

func network(s *protocols.StatsContainerResponse) (in, out uint64) {
	for _, n := range s.GetNetworkStats() {
		in, out = in+n.RxBytes, out+n.TxBytes
	}
	return in, out
}

func block(s *protocols.BlkioStats) (read, written uint64) {
	for _, e := range s.GetIoServiceBytesRecursive() {
		switch e.Op {
		case "Read", "read":
			read += e.Value
		case "Write", "write":
			written += e.Value
		}
	}
	return read, written
}
