// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// userHZ is the unit of CPU times in /proc: USER_HZ, 100 on every Linux architecture
// that Go supports, whatever the kernel's own tick is.
const userHZ = 100

// Collector takes samples. It may be used by several goroutines at once.
type Collector struct {
	proc     string
	statfs   func(path string, buf *unix.Statfs_t) error
	pageSize int
	scrapes  atomic.Uint64
}

// New returns a collector that reads procRoot, "/proc" in the guest.
func New(procRoot string) *Collector {
	return &Collector{proc: procRoot, statfs: unix.Statfs, pageSize: os.Getpagesize()}
}

// Collect takes one sample of everything, adds more, and returns it as text. It reads files and asks
// every local file system for its size, so it can take as long as a disk that hangs.
func (c *Collector) Collect(more ...*Family) string {
	scrapes := family{
		name: "kata_agent_scrape_count", help: "Metrics scrapes since the agent started", kind: "counter",
	}
	scrapes.add(float64(c.scrapes.Add(1)))

	families := []family{scrapes}
	for _, section := range []func() []family{
		c.agentStat, c.agentStatus, c.agentIO,
		c.load, c.cpuTime, c.vmStat, c.netDev, c.diskStat, c.memInfo, c.filesystems,
	} {
		families = append(families, section()...)
	}
	for _, f := range more {
		families = append(families, f.family)
	}
	slices.SortFunc(families, func(a, b family) int { return cmp.Compare(a.name, b.name) })
	var out textWriter
	for _, f := range families {
		out.write(f)
	}
	return out.b.String()
}

// read returns a file below the proc root, empty when there is none: every section takes
// that for "nothing to tell".
func (c *Collector) read(name string) string {
	text, err := os.ReadFile(filepath.Join(c.proc, name))
	if err != nil {
		return ""
	}
	return string(text)
}
