// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strconv"
	"strings"
)

// Fields of /proc/<pid>/stat behind the command name, counted from 0 at the state. See
// proc_pid_stat(5), which counts from 3 there.
const (
	statUtime      = 11
	statStime      = 12
	statCutime     = 13
	statCstime     = 14
	statNumThreads = 17
	statVsize      = 20
	statRSS        = 21
)

func (c *Collector) agentStat() []family {
	text := c.read("self/stat")
	// The name in brackets may hold spaces and brackets itself.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= statRSS {
		return nil
	}
	at := func(i int) float64 { return number(fields[i]) }

	ticks := family{name: "kata_agent_proc_stat", help: "Agent CPU time in clock ticks", labels: []string{"item"}}
	ticks.add(at(statUtime), "utime")
	ticks.add(at(statStime), "stime")
	ticks.add(at(statCutime), "cutime")
	ticks.add(at(statCstime), "cstime")
	return []family{
		ticks,
		single("kata_agent_threads", "Agent threads", at(statNumThreads)),
		single("kata_agent_total_time", "Agent CPU time in seconds", (at(statUtime)+at(statStime))/userHZ),
		single("kata_agent_total_vm", "Agent virtual memory in bytes", at(statVsize)),
		single("kata_agent_total_rss", "Agent resident memory in bytes", at(statRSS)*float64(c.pageSize)),
	}
}

func single(name, help string, value float64) family {
	f := family{name: name, help: help}
	f.add(value)
	return f
}

// statusItems are reported as 0 when the kernel does not have them.
var statusItems = []string{
	"VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem",
	"VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap", "HugetlbPages",
	"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches",
}

func (c *Collector) agentStatus() []family {
	status := keyed(c.read("self/status"))
	if len(status) == 0 {
		return nil
	}
	f := family{name: "kata_agent_proc_status", help: "Agent process status, sizes in KiB", labels: []string{"item"}}
	for _, item := range statusItems {
		value, _, _ := strings.Cut(status[item], " ")
		f.add(number(value), strings.ToLower(item))
	}
	return []family{f}
}

func (c *Collector) agentIO() []family {
	f := family{name: "kata_agent_io_stat", help: "Agent process I/O", labels: []string{"item"}}
	io := keyed(c.read("self/io"))
	for _, item := range []string{
		"rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes",
	} {
		if value, ok := io[item]; ok {
			f.add(number(value), item)
		}
	}
	return []family{f}
}

// keyed reads lines of the form "name: value".
func keyed(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			m[name] = strings.TrimSpace(value)
		}
	}
	return m
}

// number takes what is not a number for 0, as for an item the kernel does not have.
func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return n
}
