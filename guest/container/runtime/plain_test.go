// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
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
		Memory:         &specs.LinuxMemory{Limit: pointer(int64(-1)), Swap: pointer(int64(200))},
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

func TestHostNetSysctls(t *testing.T) {
	proc := t.TempDir()
	forward := filepath.Join(proc, "sys/net/ipv4/ip_forward")
	dotted := filepath.Join(proc, "sys/net/ipv4/conf/eth0.100/rp_filter")
	for _, f := range []string{forward, dotted} {
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, []byte("0"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spec := &specs.Spec{Linux: &specs.Linux{Sysctl: map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0/100.rp_filter": "2", "net.nothing.here": "3", "kernel.sem": "4",
	}}}
	if err := hostNetSysctls(proc, spec); err != nil {
		t.Fatal(err)
	}
	for f, want := range map[string]string{forward: "1", dotted: "2"} {
		if b, err := os.ReadFile(f); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", f, b, err)
		}
	}
	if !reflect.DeepEqual(spec.Linux.Sysctl, map[string]string{"kernel.sem": "4"}) {
		t.Errorf("left for the container: %v", spec.Linux.Sysctl)
	}

	target := filepath.Join(proc, "target")
	if err := os.WriteFile(target, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	outside := &specs.Spec{Linux: &specs.Linux{Sysctl: map[string]string{"net.//..//..//target": "1", "net./..//..//target": "1"}}}
	_ = hostNetSysctls(proc, outside) // an error or nothing
	if b, _ := os.ReadFile(target); string(b) != "0" {
		t.Error("a key has led out of /proc/sys")
	}
	own := &specs.Spec{Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}, Sysctl: map[string]string{"net.ipv4.ip_forward": "5"},
	}}
	if err := hostNetSysctls(proc, own); err != nil || len(own.Linux.Sysctl) != 1 {
		t.Errorf("a network of its own has sysctls of its own: %v, %v", own.Linux.Sysctl, err)
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
			t.Errorf("%+v: %+v, %v", test.in, got, err)
		}
	}
	if _, err := rlimits([]specs.POSIXRlimit{{Type: "RLIMIT_DREAMS"}}); err == nil || !strings.Contains(err.Error(), "RLIMIT_DREAMS") {
		t.Errorf("%v", err)
	}
}
