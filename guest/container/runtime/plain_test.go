// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func pointer[T any](v T) *T { return &v }

// TestMergeResources: an update changes what it names and nothing else.
func TestMergeResources(t *testing.T) {
	old := &specs.LinuxResources{
		CPU:    &specs.LinuxCPU{Shares: pointer(uint64(2)), Quota: pointer(int64(5)), Cpus: "0"},
		Memory: &specs.LinuxMemory{Limit: pointer(int64(100)), Swap: pointer(int64(200))},
		Pids:   &specs.LinuxPids{Limit: pointer(int64(7))},
	}
	kept := *old
	got := mergeResources(old, &specs.LinuxResources{
		CPU: &specs.LinuxCPU{Shares: pointer(uint64(3))}, Memory: &specs.LinuxMemory{Limit: pointer(int64(-1))},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}},
	})
	want := &specs.LinuxResources{
		CPU:            &specs.LinuxCPU{Shares: pointer(uint64(3)), Quota: pointer(int64(5)), Cpus: "0"},
		Memory:         &specs.LinuxMemory{Limit: pointer(int64(-1)), Swap: pointer(int64(-1))},
		Pids:           &specs.LinuxPids{Limit: pointer(int64(7))},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !reflect.DeepEqual(*old, kept) || *old.CPU.Shares != 2 {
		t.Error("the former limits were changed: they could not be put back")
	}
	if mergeResources(old, nil) != old {
		t.Error("nothing to change, and changed")
	}
	if got := mergeResources(nil, want); !reflect.DeepEqual(got, want) {
		t.Errorf("on nothing: %+v", got)
	}
}

func TestInheritFrom(t *testing.T) {
	init := &specs.Process{
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}}, NoNewPrivileges: true,
		Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}}, SelinuxLabel: "label", ApparmorProfile: "profile",
	}
	none := &specs.Process{ApparmorProfile: "of the host"}
	InheritFrom(init, none)
	want := *init
	if !reflect.DeepEqual(*none, want) {
		t.Errorf("got %+v, want all of init's", none)
	}
	none.Capabilities.Bounding[0], none.Rlimits[0].Hard = "CAP_CHOWN", 9
	if init.Rlimits[0].Hard != 0 {
		t.Error("a session shares its limits with init")
	}
	own := &specs.Process{
		Capabilities: &specs.LinuxCapabilities{}, Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_CPU"}}, SelinuxLabel: "own",
	}
	InheritFrom(init, own)
	if len(own.Capabilities.Bounding) != 0 || own.Rlimits[0].Type != "RLIMIT_CPU" || own.SelinuxLabel != "own" || !own.NoNewPrivileges {
		t.Errorf("got %+v", own)
	}
}

func TestHandlesSignal(t *testing.T) {
	proc := t.TempDir()
	if err := os.Mkdir(filepath.Join(proc, "7"), 0o755); err != nil {
		t.Fatal(err)
	}
	const term = "0000000000004000" // bit 14 is SIGTERM, 15
	for name, c := range map[string]struct {
		status string
		want   bool
	}{
		"caught":    {"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t" + term, true},
		"ignored":   {"SigIgn:\t" + term + "\nSigCgt:\t0000000000000000", true},
		"blocked":   {"SigBlk:\t" + term, true},
		"pending":   {"SigPnd:\t" + term + "\nShdPnd:\t" + term + "\nSigCgt:\t0000000000000000", false},
		"another":   {"SigCgt:\t0000000000008000", false},
		"nothing":   {"Name:\tx", false},
		"malformed": {"SigCgt:\tx", false},
	} {
		if err := os.WriteFile(filepath.Join(proc, "7/status"), []byte(c.status+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := HandlesSignal(proc, 7, unix.SIGTERM); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if HandlesSignal(proc, 8, unix.SIGTERM) {
		t.Error("a process whose status cannot be read handles nothing")
	}
	if !HandlesSignal("/proc", os.Getpid(), unix.SIGURG) { // the Go runtime does
		t.Error("this process handles SIGURG")
	}
}

// TestSysctlSpellings: names with dots, with slashes and with both, with interfaces whose names hold
// dots, are the same files.
func TestSysctlSpellings(t *testing.T) {
	files := map[string][]string{
		"net/ipv4/ip_forward": {"net.ipv4.ip_forward", "net/ipv4/ip_forward", "net.ipv4/ip_forward", "net/ipv4.ip_forward"},
		"net/ipv4/conf/eth0.100/rp_filter": {
			"net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter", "net.ipv4.conf.eth0.100.rp_filter",
			"net/ipv4/conf/eth0/100/rp_filter",
		},
		"net/ipv4/conf/eth0/rp_filter":    {"net.ipv4.conf.eth0.rp_filter", "net/ipv4/conf/eth0/rp_filter"},
		"net/ipv6/neigh/a.b.c/gc_stale":   {"net.ipv6.neigh.a/b/c.gc_stale", "net/ipv6/neigh/a.b.c/gc_stale", "net.ipv6.neigh.a.b.c.gc_stale"},
		"net/netfilter/nf_conntrack_max":  {"net.netfilter.nf_conntrack_max", "net/netfilter/nf_conntrack_max"},
		"net/ipv4/conf/all/disable.there": {"net.ipv4.conf.all.disable/there", "net/ipv4/conf/all/disable.there"},
	}
	proc := t.TempDir()
	for file := range files {
		path := filepath.Join(proc, "sys", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, "0")
	}
	for file, keys := range files {
		for i, key := range keys {
			value := strconv.Itoa(i + 1)
			spec := &specs.Spec{Linux: &specs.Linux{Sysctl: map[string]string{key: value, "net.nothing.here": "3", "kernel/sem": "4"}}}
			if err := fitSysctls(proc, spec); err != nil {
				t.Fatal(err)
			}
			for other := range files {
				got := readFile(t, filepath.Join(proc, "sys", other))
				if other == file && got != value || other != file && got != "0" {
					t.Errorf("%s: %s is %s", key, other, got)
				}
			}
			if want := map[string]string{"kernel.sem": "4"}; !reflect.DeepEqual(spec.Linux.Sysctl, want) {
				t.Errorf("left for the container: %v, want %v", spec.Linux.Sysctl, want)
			}
		}
		writeFile(t, filepath.Join(proc, "sys", file), "0")
	}
}

func TestSysctlsStayBelowProcSys(t *testing.T) {
	proc := t.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "sys/net"), 0o755); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(proc, "target")
	writeFile(t, target, "0")
	for _, key := range []string{"net.//..//..//target", "net./..//..//target", "net/../../target", "net..target", "/net/x", ""} {
		outside := &specs.Spec{Linux: &specs.Linux{Sysctl: map[string]string{key: "1"}}}
		if err := fitSysctls(proc, outside); err == nil || !strings.Contains(err.Error(), "names no file below /proc/sys") {
			t.Errorf("%q: %v, want it refused", key, err)
		}
	}
	if readFile(t, target) != "0" {
		t.Error("a key has led out of /proc/sys")
	}
}

// TestSysctlsOfOwnNetwork: a network of the container's own has sysctls of its own, in the spelling
// that libcontainer takes.
func TestSysctlsOfOwnNetwork(t *testing.T) {
	own := &specs.Spec{Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}, Sysctl: map[string]string{"net/ipv4/ip_forward": "5"},
	}}
	err := fitSysctls(t.TempDir(), own)
	if want := map[string]string{"net.ipv4.ip_forward": "5"}; err != nil || !reflect.DeepEqual(own.Linux.Sysctl, want) {
		t.Errorf("%v, %v, want %v", own.Linux.Sysctl, err, want)
	}
}

func TestRlimits(t *testing.T) {
	lock := *lockLimit()
	for _, test := range []struct {
		in   []specs.POSIXRlimit
		want []configs.Rlimit
	}{
		{nil, []configs.Rlimit{lock}},
		{
			[]specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}},
			[]configs.Rlimit{{Type: unix.RLIMIT_NOFILE, Soft: 1, Hard: 2}, lock},
		},
		{
			[]specs.POSIXRlimit{{Type: "RLIMIT_MEMLOCK", Soft: 3, Hard: 4}},
			[]configs.Rlimit{{Type: unix.RLIMIT_MEMLOCK, Soft: 3, Hard: 4}},
		},
	} {
		if got, err := rlimits(test.in); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%+v: %+v, %v, want %v", test.in, got, err, test.want)
		}
	}
	if _, err := rlimits([]specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 2, Hard: 1}}); err == nil || !strings.Contains(err.Error(), "RLIMIT_CORE") {
		t.Errorf("soft limit above the hard one: %v, want an error with %q", err, "RLIMIT_CORE")
	}
	if _, err := rlimits([]specs.POSIXRlimit{{Type: "RLIMIT_DREAMS"}}); err == nil || !strings.Contains(err.Error(), "RLIMIT_DREAMS") {
		t.Errorf("got %v, want an error with %q", err, "RLIMIT_DREAMS")
	}
}
