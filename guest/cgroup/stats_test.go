// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"
)

var unifiedFiles = map[string]string{
	"cgroup.controllers":     "cpu io memory hugetlb pids\n",
	"cpu.stat":               "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 4\nnr_throttled 2\nthrottled_usec 70\n",
	"memory.stat":            "anon 100\nfile 200\nkernel 50\n",
	"memory.current":         "350\n",
	"memory.max":             "max\n",
	"memory.peak":            "400\n",
	"memory.swap.current":    "10\n",
	"memory.swap.max":        "max\n",
	"memory.swap.peak":       "12\n",
	"memory.events":          "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n",
	"memory.swap.events":     "high 0\nmax 0\nfail 3\n",
	"pids.current":           "5\n",
	"pids.max":               "max\n",
	"io.stat":                "253:16 rbytes=30 wbytes=40 rios=3 wios=4 dbytes=0 dios=0\n8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
	"hugetlb.2MB.current":    "2097152\n",
	"hugetlb.2MB.events":     "max 6\n",
	"hugetlb.2MB.max":        "max\n",
	"cgroup.procs":           "",
	"cpu.pressure":           "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	"memory.numa_stat":       "",
	"cgroup.events":          "populated 0\n",
	"hugetlb.1GB.current":    "0\n",
	"hugetlb.1GB.events":     "max 0\n",
	"cgroup.subtree_control": "",
}

func TestReadUnified(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, unifiedFiles)
	m, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(m)
	if err != nil {
		t.Fatal(err)
	}
	// The library asks the machine for its huge page sizes, which a test cannot set.
	got.Hugetlb = nil
	want := &Stats{
		CPU: &CPUStats{
			Usage:      &CPUUsage{Total: 5_000_000, User: 3_000_000, Kernel: 2_000_000},
			Throttling: &ThrottlingData{Periods: 4, ThrottledPeriods: 2, Time: 70_000},
		},
		Memory: &MemoryStats{
			Cache:        200,
			Usage:        MemoryData{Usage: 350, MaxUsage: 400, Failcnt: 9, Limit: math.MaxUint64},
			Swap:         MemoryData{Usage: 10, MaxUsage: 12, Failcnt: 3, Limit: math.MaxUint64},
			Kernel:       MemoryData{Usage: 50},
			UseHierarchy: true,
			Raw:          map[string]uint64{"anon": 100, "file": 200, "kernel": 50},
		},
		Pids: &PidsStats{Current: 5, Limit: 0},
		Blkio: &BlkioStats{
			ServiceBytes: []BlkioEntry{{8, 0, "read", 10}, {8, 0, "write", 20}, {253, 16, "read", 30}, {253, 16, "write", 40}},
			Serviced:     []BlkioEntry{{8, 0, "read", 1}, {8, 0, "write", 2}, {253, 16, "read", 3}, {253, 16, "write", 4}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", dump(got), dump(want))
	}
}

func dump(s *Stats) []any {
	return []any{*s.CPU.Usage, *s.CPU.Throttling, *s.Memory, *s.Pids, *s.Blkio, s.Hugetlb}
}

func TestReadUnifiedWithoutControllers(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"cgroup.controllers": "\n", "cgroup.procs": "1\n", "cpu.stat": "usage_usec 1\nuser_usec 1\nsystem_usec 0\n",
	})
	m, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(m)
	if err != nil {
		t.Fatal(err)
	}
	want := &Stats{CPU: &CPUStats{Usage: &CPUUsage{Total: 1000, User: 1000}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want CPU time alone", got)
	}
}

// TestControllersBesideAnEmptyUnifiedTree is a machine with the controllers on v1 and,
// beside them, a unified tree for systemd.
func TestControllersBesideAnEmptyUnifiedTree(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"unified/cgroup.controllers": "\n", "memory/tasks": "", "cpu/tasks": ""})
	got := controllersOf(map[string]string{
		"": filepath.Join(dir, "unified"), "memory": filepath.Join(dir, "memory"), "cpu": filepath.Join(dir, "cpu"),
	})
	if want := (Controllers{Memory: true, CPU: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReadGoneGroup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	unified, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := fs.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}},
		map[string]string{"cpu": dir, "cpuacct": dir, "memory": dir, "pids": dir})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]cgroups.Manager{"v2": unified, "v1": legacy} {
		if got, err := Read(m); err != nil || got.CPU != nil || got.Memory != nil || got.Pids != nil {
			t.Errorf("%s: got %+v, %v; want nothing", name, got, err)
		}
	}
}

func TestReadUnreadableIsAnError(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, unifiedFiles)
	writeFiles(t, dir, map[string]string{"memory.current": "nonsense\n"})
	m, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(m); err == nil {
		t.Error("a malformed file was accepted")
	}
}

func TestReadV1(t *testing.T) {
	paths := map[string]string{}
	for _, c := range []string{"cpu", "cpuacct", "memory", "pids", "blkio"} {
		paths[c] = v1Group(t, c)
	}
	if err := os.WriteFile(filepath.Join(paths["memory"], "memory.limit_in_bytes"), []byte("67108864"), 0); err != nil {
		t.Fatal(err)
	}
	m, err := fs.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, paths)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(m)
	if err != nil {
		t.Fatal(err)
	}
	if got.CPU == nil || got.CPU.Usage == nil || got.CPU.Throttling == nil || got.Pids == nil || got.Blkio == nil {
		t.Fatalf("a controller is missing: %+v", got)
	}
	if got.Memory == nil || got.Memory.Usage.Limit != 67108864 || got.Memory.Raw["rss"] != 0 || len(got.Memory.Raw) < 10 {
		t.Errorf("memory: %+v", got.Memory)
	}
	if got.Hugetlb != nil {
		t.Errorf("hugetlb without its controller: %v", got.Hugetlb)
	}
}

func TestFromLibcontainerV1(t *testing.T) {
	in := cgroups.NewStats()
	in.MemoryStats.SwapUsage = cgroups.MemoryData{Usage: 30, Limit: 40}
	in.MemoryStats.SwapOnlyUsage = cgroups.MemoryData{Usage: 5}
	in.HugetlbStats["2MB"] = cgroups.HugetlbStats{Usage: 1, MaxUsage: 2, Failcnt: 3}
	in.BlkioStats.IoQueuedRecursive = []cgroups.BlkioStatEntry{{Major: 8, Op: "Total", Value: 4}}
	got := FromLibcontainer(in, Controllers{Memory: true, Hugetlb: true, Blkio: true})
	if got.Memory.Swap != (MemoryData{Usage: 30, Limit: 40}) {
		t.Errorf("v1 swap: %+v, want memory plus swap", got.Memory.Swap)
	}
	if got.Hugetlb["2MB"] != (HugetlbStats{1, 2, 3}) {
		t.Errorf("hugetlb: %+v", got.Hugetlb)
	}
	if want := []BlkioEntry{{8, 0, "total", 4}}; !reflect.DeepEqual(got.Blkio.Queued, want) {
		t.Errorf("queued: %+v", got.Blkio.Queued)
	}
	if got.CPU != nil || got.Pids != nil {
		t.Errorf("absent controllers: %+v", got)
	}
}
