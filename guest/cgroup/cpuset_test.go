// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func mustParse(t *testing.T, text string) CPUSet {
	t.Helper()
	set, err := ParseCPUSet(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestCPUSetText(t *testing.T) {
	tests := []struct {
		in, want string
		n        int
	}{
		{"", "", 0}, {"\n", "", 0}, {"0", "0", 1}, {"0-3\n", "0-3", 4}, {"3,1,2", "1-3", 3},
		{"0,2,4-5,64-66,130", "0,2,4-5,64-66,130", 8}, {"5-5", "5", 1}, {"62-65", "62-65", 4}, {" 1 , 2 ", "1-2", 2},
	}
	for _, tt := range tests {
		got := mustParse(t, tt.in)
		if got.String() != tt.want || got.Len() != tt.n {
			t.Errorf("%q: got %q of %d, want %q of %d", tt.in, got, got.Len(), tt.want, tt.n)
		}
	}
	for _, bad := range []string{"a", "1-", "-1", "3-1", "1,,2", "1-2-3", "8192", "99999999", "0x1"} {
		if got, err := ParseCPUSet(bad); err == nil {
			t.Errorf("%q: accepted as %q", bad, got)
		}
	}
}

func FuzzParseCPUSet(f *testing.F) {
	for _, s := range []string{"", "0-3,8", "1,1", "64", "8191", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParseCPUSet(text)
		if err != nil {
			return
		}
		again, err := ParseCPUSet(set.String())
		if err != nil || again.String() != set.String() || again.Len() != set.Len() {
			t.Errorf("%q became %q, %q, %v", text, set, again, err)
		}
	})
}

func TestEffectiveCPUs(t *testing.T) {
	tests := []struct {
		requested, online, want string
		exact                   bool
	}{
		{"0-1", "0-3", "0-1", true}, {"", "0-3", "", true}, {"0-3", "0-3", "0-3", true},
		{"2-5", "0-3", "0-3", false}, {"100", "0-1", "0-1", false}, {"0,64", "0-63", "0-63", false},
	}
	for _, tt := range tests {
		got, exact := EffectiveCPUs(mustParse(t, tt.requested), mustParse(t, tt.online))
		if got.String() != tt.want || exact != tt.exact {
			t.Errorf("%s of %s: got %s, %t", tt.requested, tt.online, got, exact)
		}
	}
}

func TestOnlineCPUs(t *testing.T) {
	root := t.TempDir()
	if _, err := OnlineCPUs(root); err == nil {
		t.Error("no file is no error")
	}
	writeFiles(t, root, map[string]string{"devices/system/cpu/online": "0-1,3\n"})
	if got, err := OnlineCPUs(root); err != nil || got.String() != "0-1,3" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSetCPUsTree(t *testing.T) {
	tests := []struct {
		name    string
		unified bool
		before  []string // pod, container; "-" for no file
		own     string
		want    []string
	}{
		{"v1 widens and keeps its own", false, []string{"0", "0"}, "0", []string{"0-3", "0"}},
		{"v1 without its own gets all", false, []string{"0", "0"}, "", []string{"0-3", "0-3"}},
		{"v2 inherits", true, []string{"", ""}, "", []string{"", ""}},
		{"v2 own under inheriting parent", true, []string{"", ""}, "1", []string{"", "1"}},
		{"v2 widens a set parent", true, []string{"0", "0"}, "0", []string{"0-3", "0"}},
		{"v2 without the controller", true, []string{"-", "-"}, "0", []string{"-", "-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			files := []string{"pod/" + cpusFile, "pod/c/" + cpusFile}
			for i, file := range files {
				dir := filepath.Dir(file)
				writeFiles(t, root, map[string]string{dir + "/cgroup.procs": ""})
				if tt.unified {
					writeFiles(t, root, map[string]string{dir + "/cgroup.controllers": "cpuset"})
				}
				if tt.before[i] != "-" {
					writeFiles(t, root, map[string]string{file: tt.before[i]})
				}
			}
			if err := SetCPUs(root, "/pod/c", mustParse(t, tt.own), mustParse(t, "0-3")); err != nil {
				t.Fatal(err)
			}
			for i, file := range files {
				text, err := os.ReadFile(filepath.Join(root, file))
				if got := strings.TrimSpace(string(text)); err == nil && got != tt.want[i] || err != nil && tt.want[i] != "-" {
					t.Errorf("%s: %q, %v; want %q", file, got, err, tt.want[i])
				}
			}
		})
	}
}

func TestSetCPUsV1(t *testing.T) {
	pod := v1Group(t, "cpuset")
	online, err := OnlineCPUs("/sys")
	if err != nil {
		t.Fatal(err)
	}
	container := filepath.Join(pod, "c")
	if err := os.Mkdir(container, 0o755); err != nil {
		t.Fatal(err)
	}
	defer removeGroup(t, container)
	one := mustParse(t, "0")
	path := filepath.Join(filepath.Base(pod), "c")
	for _, own := range []CPUSet{one, {}} {
		if err := SetCPUs("/sys/fs/cgroup/cpuset", path, own, online); err != nil {
			t.Fatal(err)
		}
		want := own.String()
		if own.Len() == 0 {
			want = online.String()
		}
		assertCPUs(t, pod, online.String())
		assertCPUs(t, container, want)
	}
	if err := SetCPUs("/sys/fs/cgroup/cpuset", path, mustParse(t, "500"), online); err == nil {
		t.Error("CPU 500 was accepted")
	}
	assertCPUs(t, pod, online.String())
}

func assertCPUs(t *testing.T, dir, want string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, cpusFile))
	if got := strings.TrimSpace(string(text)); err != nil || got != want {
		t.Errorf("%s: %q, %v; want %q", dir, got, err, want)
	}
}
