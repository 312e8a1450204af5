// SPDX-License-Identifier: Apache-2.0

package metrics

import "strings"

// Resident is the agent's resident memory in bytes, 0 if it cannot be read.
func (c *Collector) Resident() int64 {
	fields := strings.Fields(c.read("self/statm")) // proc_pid_statm(5), in pages
	if len(fields) < 2 {
		return 0
	}
	return int64(number(fields[1])) * int64(c.pageSize)
}
