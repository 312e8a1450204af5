// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func fake(proc string) *Collector {
	c := New(proc)
	c.pageSize = 4096
	c.statfs = func(path string, s *unix.Statfs_t) error {
		if path == "/dead" {
			return unix.EIO
		}
		*s = unix.Statfs_t{Bsize: 1024, Blocks: 100, Bfree: 40, Bavail: 30, Files: 10, Ffree: 3}
		return nil
	}
	return c
}

func TestCollectGolden(t *testing.T) {
	const golden = "testdata/metrics.txt"
	got := fake("testdata/proc").Collect()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the text differs from %s; run with -update and look at the difference\n%s", golden, got)
	}
}

func TestCollectValues(t *testing.T) {
	text := fake("testdata/proc").Collect()
	for _, line := range []string{
		"# TYPE kata_agent_scrape_count counter",
		"kata_agent_scrape_count 1",
		"kata_agent_threads 9",
		"kata_agent_total_time 2",
		"kata_agent_total_vm 12345678",
		"kata_agent_total_rss 1228800",
		`kata_agent_proc_stat{item="cstime"} 20`,
		`kata_agent_proc_status{item="vmpeak"} 3060`,
		`kata_agent_proc_status{item="rssshmem"} 0`,
		`kata_agent_proc_status{item="nonvoluntary_ctxt_switches"} 12`,
		`kata_guest_load{item="load5"} 0.2`,
		`kata_guest_tasks{item="max"} 94`,
		`kata_guest_cpu_time{cpu="total",item="user"} 132890`,
		`kata_guest_cpu_time{cpu="0",item="guest_nice"} 100`,
		`kata_guest_vm_stat{item="nr_free_pages"} 123456789012`,
		`kata_guest_netdev_stat{interface="eth0",item="sent_compressed"} 16`,
		`kata_guest_diskstat{disk="vda",item="time_flushing"} 17`,
		`kata_guest_meminfo{item="mem_total"} 2097152`,
		`kata_guest_meminfo{item="hugepages_total"} 3`,
		`kata_guest_meminfo{item="quicklists"} 0`,
		`kata_guest_filesystem_bytes{device="vdb",item="used",mount="/run/with \"space"} 61440`,
		`kata_guest_filesystem_inodes{device="overlay",item="available",mount="/merged"} 3`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, part := range []string{`mount="/"`, `mount="/again"`, `mount="/dead"`, `disk="vdb",item="flushes"`, "lowerdir"} {
		if strings.Contains(text, part) {
			t.Errorf("there is %s", part)
		}
	}
}

// TestCollectWithoutSources takes away one source after the other: the rest must stay.
func TestCollectWithoutSources(t *testing.T) {
	if got := fake(t.TempDir()).Collect(); strings.Count(got, "\n") != 3 {
		t.Errorf("an empty /proc gave\n%s", got)
	}
	sources := map[string]string{
		"self/stat": "kata_agent_threads", "self/status": "kata_agent_proc_status", "self/io": "kata_agent_io_stat",
		"loadavg": "kata_guest_load", "stat": "kata_guest_cpu_time", "vmstat": "kata_guest_vm_stat",
		"self/net/dev": "kata_guest_netdev_stat", "diskstats": "kata_guest_diskstat",
		"meminfo": "kata_guest_meminfo", "self/mountinfo": "kata_guest_filesystem_bytes",
	}
	for missing := range sources {
		proc := t.TempDir()
		if err := os.CopyFS(proc, os.DirFS("testdata/proc")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, missing), []byte("garbage\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		text := fake(proc).Collect()
		for source, name := range sources {
			if source != missing && !strings.Contains(text, name) {
				t.Errorf("without %s there is no %s", missing, name)
			}
		}
	}
}

func TestCollectReal(t *testing.T) {
	c := New("/proc")
	c.Collect()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { c.Collect() })
	}
	wg.Wait()
	text := c.Collect()
	if !strings.Contains(text, "kata_agent_scrape_count 6\n") || !strings.Contains(text, "kata_guest_load") {
		t.Errorf("unexpected text:\n%s", text)
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") && strings.Count(line, " ") < 1 {
			t.Errorf("malformed line %q", line)
		}
	}
}

func BenchmarkCollect(b *testing.B) {
	c := New("/proc")
	b.ReportAllocs()
	for b.Loop() {
		c.Collect()
	}
}
