// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/netdev"
)

func (c *Collector) load() []family {
	fields := strings.Fields(c.read("loadavg"))
	if len(fields) < 4 {
		return nil
	}
	load := family{name: "kata_guest_load", help: "Guest load average", labels: []string{"item"}}
	for i, item := range []string{"load1", "load5", "load15"} {
		load.add(number(fields[i]), item)
	}
	tasks := family{name: "kata_guest_tasks", help: "Guest tasks, runnable and all", labels: []string{"item"}}
	runnable, all, _ := strings.Cut(fields[3], "/")
	tasks.add(number(runnable), "cur")
	tasks.add(number(all), "max")
	return []family{load, tasks}
}

var cpuItems = []string{
	"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
}

func (c *Collector) cpuTime() []family {
	f := family{
		name: "kata_guest_cpu_time", help: "Guest CPU time in milliseconds", labels: []string{"cpu", "item"},
	}
	for line := range strings.Lines(c.read("stat")) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		cpu := strings.TrimPrefix(fields[0], "cpu")
		if cpu == "" {
			cpu = "total"
		}
		for i, item := range cpuItems {
			if i+1 < len(fields) {
				f.add(number(fields[i+1])*(1000/userHZ), cpu, item)
			}
		}
	}
	return []family{f}
}

func (c *Collector) vmStat() []family {
	f := family{name: "kata_guest_vm_stat", help: "Guest virtual memory statistics", labels: []string{"item"}}
	for line := range strings.Lines(c.read("vmstat")) {
		if fields := strings.Fields(line); len(fields) == 2 {
			f.add(number(fields[1]), fields[0])
		}
	}
	return []family{f}
}

func (c *Collector) netDev() []family {
	f := family{
		name: "kata_guest_netdev_stat", help: "Guest network interface counters", labels: []string{"interface", "item"},
	}
	counters, err := netdev.Read(c.proc, "self")
	if err != nil {
		return nil
	}
	for _, n := range counters {
		for _, s := range []struct {
			item  string
			value uint64
		}{
			{"recv_bytes", n.RxBytes}, {"recv_packets", n.RxPackets}, {"recv_errs", n.RxErrors},
			{"recv_drop", n.RxDropped}, {"recv_fifo", n.RxFIFO}, {"recv_frame", n.RxFrame},
			{"recv_compressed", n.RxCompressed}, {"recv_multicast", n.RxMulticast},
			{"sent_bytes", n.TxBytes}, {"sent_packets", n.TxPackets}, {"sent_errs", n.TxErrors},
			{"sent_drop", n.TxDropped}, {"sent_fifo", n.TxFIFO}, {"sent_colls", n.TxCollisions},
			{"sent_carrier", n.TxCarrier}, {"sent_compressed", n.TxCompressed},
		} {
			f.add(float64(s.value), n.Name, s.item)
		}
	}
	return []family{f}
}

// diskItems are the columns of /proc/diskstats behind the name, see the kernel's
// admin-guide/iostats.rst. Older kernels lack the last ones.
var diskItems = []string{
	"reads", "merged", "sectors_read", "time_reading",
	"writes", "writes_merged", "sectors_written", "time_writing",
	"in_progress", "time_in_progress", "weighted_time_in_progress",
	"discards", "discards_merged", "sectors_discarded", "time_discarding",
	"flushes", "time_flushing",
}

func (c *Collector) diskStat() []family {
	f := family{name: "kata_guest_diskstat", help: "Guest disk statistics", labels: []string{"disk", "item"}}
	for line := range strings.Lines(c.read("diskstats")) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		disk, values := fields[2], fields[3:]
		for i, item := range diskItems[:min(len(diskItems), len(values))] {
			f.add(number(values[i]), disk, item)
		}
	}
	return []family{f}
}
