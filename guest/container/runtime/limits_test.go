// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// everyLimit has each limit that the protocol or libcontainer knows.
func everyLimit() *cgroups.Resources {
	throttle := []*cgroups.ThrottleDevice{cgroups.NewThrottleDevice(8, 0, 1)}
	return &cgroups.Resources{
		CpuShares: 512, CpuWeight: 59, CpuQuota: 1000, CpuPeriod: 2000, CpuRtRuntime: 5, CpuRtPeriod: 6, CpusetCpus: "0", CpusetMems: "0",
		Memory: 1, MemorySwap: 2, MemoryReservation: 3, MemorySwappiness: pointer(uint64(0)), OomKillDisable: true,
		BlkioWeight: 100, BlkioLeafWeight: 200, BlkioWeightDevice: []*cgroups.WeightDevice{cgroups.NewWeightDevice(8, 0, 10, 0)},
		BlkioThrottleReadBpsDevice: throttle, BlkioThrottleWriteBpsDevice: throttle,
		BlkioThrottleReadIOPSDevice: throttle, BlkioThrottleWriteIOPSDevice: throttle,
		PidsLimit: pointer(int64(7)), NetClsClassid: 8, NetPrioIfpriomap: []*cgroups.IfPrioMap{{Interface: "eth0", Priority: 1}},
		Rdma:         map[string]cgroups.LinuxRdma{"mlx": {}},
		HugetlbLimit: []*cgroups.HugepageLimit{{Pagesize: "2MB"}, {Pagesize: "1GB", Limit: 5}},
		Unified:      map[string]string{"memory.oom.group": "1", "cpu.idle": "0"},
	}
}

// told as they stand in the warning, and the files by which a kernel takes each.
var limitFiles = []struct{ told, v1, v2 string }{
	{"cpu.shares=512", "cpu/cpu.shares", "cpu.weight"},
	{"cpu.quota=1000 cpu.period=2000", "cpu/cpu.cfs_quota_us", "cpu.max"},
	{"cpu.realtimeRuntime=5 cpu.realtimePeriod=6", "cpu/cpu.rt_runtime_us", ""},
	{"cpuset.cpus=0 cpuset.mems=0", "cpuset/cpuset.cpus", "cpuset.cpus"},
	{"memory.limit=1", "memory/memory.limit_in_bytes", "memory.max"},
	{"memory.swap=2", "memory/memory.memsw.limit_in_bytes", "memory.swap.max"},
	{"memory.reservation=3", "memory/memory.soft_limit_in_bytes", "memory.low"},
	{"memory.swappiness=0", "memory/memory.swappiness", ""},
	{"memory.disableOOMKiller", "memory/memory.oom_control", ""},
	{"blockIO.weight=100", "blkio/blkio.weight", "io.weight"},
	{"blockIO.leafWeight=200", "blkio/blkio.leaf_weight", ""},
	{"blockIO.weightDevice for 1 devices", "blkio/blkio.weight_device", "io.bfq.weight"},
	{"blockIO.throttle for 4 devices", "blkio/blkio.throttle.read_bps_device", "io.max"},
	{"pids.limit=7", "pids/pids.max", "pids.max"},
	{"network.classID=8", "net_cls/net_cls.classid", ""},
	{"network.priorities for 1 devices", "net_prio/net_prio.ifpriomap", ""},
	{"rdma for 1 devices", "rdma/rdma.max", "rdma.max"},
	{"hugepageLimits 2MB=0", "hugetlb/hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max"},
	{"hugepageLimits 1GB=5", "hugetlb/hugetlb.1GB.limit_in_bytes", "hugetlb.1GB.max"},
	{"unified memory.oom.group=1", "", "memory.oom.group"},
	{"unified cpu.idle=0", "", "cpu.idle"},
}

// fakeKernel has all files of its cgroups except missing; with "" it has all.
func fakeKernel(t *testing.T, v2 bool, missing string) *kernel {
	t.Helper()
	root := t.TempDir()
	k := &kernel{v2: v2, root: root, dirs: map[string]string{"": filepath.Join(root, "pod/c")}}
	for _, f := range limitFiles {
		file, controller := f.v2, ""
		if !v2 {
			file = f.v1
			controller, _, _ = strings.Cut(f.v1, "/")
			k.dirs[controller] = filepath.Join(root, controller, "pod/c")
		}
		path := filepath.Join(k.dirs[controller], filepath.Base(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if file == "" || f.told == missing {
			continue
		}
		writeFile(t, path, "")
	}
	if !v2 && !strings.HasPrefix(missing, "cpu.realtime") {
		writeFile(t, filepath.Join(root, "cpu/pod/cpu.rt_runtime_us"), "5\n")
	}
	return k
}

// TestRealtimeOfTheParent: a cgroup has no more real-time CPU to give than it has itself.
func TestRealtimeOfTheParent(t *testing.T) {
	k := fakeKernel(t, false, "")
	parent := filepath.Join(filepath.Dir(k.dirs["cpu"]), "cpu.rt_runtime_us")
	for content, kept := range map[string]bool{"0": false, "4": false, "5": true, "950000": true, "-1": true, "none": false} {
		writeFile(t, parent, content+"\n")
		r := &cgroups.Resources{CpuRtRuntime: 5}
		if dropped := dropUnsupported(r, k); kept != (len(dropped) == 0) || kept != (r.CpuRtRuntime == 5) {
			t.Errorf("of %s: passed over %q, want it kept %t", content, dropped, kept)
		}
	}
}

// TestUnsupportedLimits: a limit that the guest's kernel has no file for is taken out and named, and
// no other.
func TestUnsupportedLimits(t *testing.T) {
	for _, v2 := range []bool{false, true} {
		version := map[bool]string{false: "v1", true: "v2"}[v2]
		var never []string // what this version of cgroups has not at all
		for _, f := range limitFiles {
			if v2 && f.v2 == "" || !v2 && f.v1 == "" {
				never = append(never, f.told)
			}
		}
		for _, f := range slices.Concat(limitFiles, []struct{ told, v1, v2 string }{{}}) {
			t.Run(version+"/"+f.told, func(t *testing.T) {
				want := slices.Clone(never)
				if f.told != "" && !slices.Contains(want, f.told) {
					want = append(want, f.told)
				}
				if v2 && f.told == "blockIO.weight=100" { // BFQ's file is enough for it
					want = slices.Clone(never)
				}
				slices.Sort(want)
				if got := dropUnsupported(everyLimit(), fakeKernel(t, v2, f.told)); !slices.Equal(got, want) {
					t.Errorf("passed over %q, want %q", got, want)
				}
			})
		}
	}
}

// TestNoControllers: with no controller at all nothing is left to be written, which would fail.
func TestNoControllers(t *testing.T) {
	r := everyLimit()
	if dropped := dropUnsupported(r, &kernel{root: "/nowhere"}); len(dropped) != len(limitFiles) {
		t.Errorf("passed over %d limits, want all %d: %q", len(dropped), len(limitFiles), dropped)
	}
	r.HugetlbLimit = nil
	if !reflect.DeepEqual(r, &cgroups.Resources{}) {
		t.Errorf("left: %+v, want nothing", r)
	}
}

// TestLimitsOfThisMachine: each limit that the machine's kernel does not have is known without
// writing it, and each that is kept can be written.
func TestLimitsOfThisMachine(t *testing.T) {
	guesttest.NeedRoot(t, "to make cgroups")
	m := emptyCgroup(t, "limits")
	sent := &cgroups.Resources{
		Memory: 64 << 20, MemorySwap: 128 << 20, MemorySwappiness: pointer(uint64(10)), CpuShares: 512, CpuWeight: 59, BlkioWeight: 500,
		NetClsClassid: 1, CpuRtRuntime: 1000, Unified: map[string]string{"no.such.file": "1"}, SkipDevices: true,
		HugetlbLimit: []*cgroups.HugepageLimit{{Pagesize: "2MB"}, {Pagesize: "1GB"}, {Pagesize: "512GB", Limit: 1}},
	}
	dropped := dropUnsupported(sent, kernelOf(m, "/sys"))
	for _, want := range []string{"hugepageLimits 512GB=1", "unified no.such.file=1"} {
		if !slices.Contains(dropped, want) {
			t.Errorf("passed over %q, want %q among it", dropped, want)
		}
	}
	if err := m.Apply(-1); err != nil {
		t.Fatal(err)
	}
	if err := m.Set(sent); err != nil {
		t.Errorf("what was kept cannot be written: %v (passed over: %q)", err, dropped)
	}
	again := dropUnsupported(sent, kernelOf(m, "/sys")) // now that the cgroup is there
	if len(again) != 0 {
		t.Errorf("%q is passed over once there is a cgroup, and was not before", again)
	}
}

// TestToldOnce: what is passed over is told once, all of it in one sentence.
func TestToldOnce(t *testing.T) {
	var got []error
	told := &told{warn: func(err error) { got = append(got, err) }}
	told.once("c1", notEnforced, nil)
	told.once("c1", notEnforced, []string{"a=1", "b=2"})
	told.once("c1", notEnforced, []string{"b=2"})
	told.once("c1", notEnforced, []string{"b=2", "c=3"})
	const why = `container "c1": not enforced, as this guest's kernel cannot: `
	if text := errors.Join(got...).Error(); text != why+"a=1, b=2\n"+why+"c=3" {
		t.Errorf("told %q", text)
	}
}

// TestDropCapabilities: names that the kernel does not have leave the sets, and the others stay.
func TestDropCapabilities(t *testing.T) {
	shared := []string{"CAP_CHOWN", "CAP_FLY", "CAP_KILL"}
	p := &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: shared, Effective: shared, Ambient: []string{"CAP_SWIM"}}}
	unknown := dropCapabilities(p)
	if want := []string{"CAP_FLY", "CAP_SWIM"}; !slices.Equal(unknown, want) {
		t.Errorf("unknown are %q, want %q", unknown, want)
	}
	want := &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Effective: []string{"CAP_CHOWN", "CAP_KILL"}, Ambient: []string{}}
	if !reflect.DeepEqual(p.Capabilities, want) {
		t.Errorf("left: %+v, want %+v", p.Capabilities, want)
	}
	if dropCapabilities(&specs.Process{}) != nil || dropCapabilities(nil) != nil {
		t.Error("no capabilities, and some of them unknown")
	}
}
