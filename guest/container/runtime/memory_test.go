// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs2"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// emptyCgroup is a cgroup of the test's own, not made yet.
func emptyCgroup(t *testing.T, name string) cgroups.Manager {
	t.Helper()
	m, err := manager.New(&cgroups.Cgroup{
		Path: fmt.Sprintf("/kata-test-%d-%s", os.Getpid(), name), Resources: &cgroups.Resources{SkipDevices: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Destroy(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// memoryState is what a cgroup's limits are: of memory, and of memory and swap together; -1 is
// none.
type memoryState struct{ memory, both int64 }

// memoryUpdate is an update as it comes from a host: 0 is not given.
type memoryUpdate struct{ limit, swap int64 }

const mib = 1 << 20

var memoryUpdates = []memoryUpdate{
	{100 * mib, 0}, {200 * mib, 0}, {-1, 0},
	{0, 150 * mib}, {0, 300 * mib}, {0, -1},
	{100 * mib, 100 * mib}, {100 * mib, 300 * mib}, {200 * mib, 200 * mib}, {200 * mib, -1}, {-1, -1}, {-1, 300 * mib},
}

// memoryStarts are the limits before: none, without swap, with swap, with swap as much as it likes.
var memoryStarts = []memoryUpdate{{-1, -1}, {100 * mib, 100 * mib}, {100 * mib, 300 * mib}, {200 * mib, -1}}

// after is the rule: memory alone raises or lifts the limit of both with it, and one of both below
// that of memory is refused.
func (s memoryState) after(u memoryUpdate) (next memoryState, refused bool) {
	next = s
	if u.limit != 0 {
		next.memory = u.limit
		if u.swap == 0 && next.both != -1 && (u.limit == -1 || u.limit > next.both) {
			next.both = u.limit
		}
	}
	if u.swap != 0 {
		next.both = u.swap
	}
	if next.both != -1 && (next.memory == -1 || next.memory > next.both) {
		return s, true
	}
	return next, false
}

// TestMemoryUpdates updates memory and swap, up, down and off, in all orders, from each kind of limits.
func TestMemoryUpdates(t *testing.T) {
	t.Run("v1", func(t *testing.T) {
		if os.Geteuid() != 0 || cgroups.IsCgroup2UnifiedMode() {
			t.Skip("needs root and cgroup v1")
		}
		m := emptyCgroup(t, "memory")
		dir := m.GetPaths()["memory"]
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "memory.memsw.limit_in_bytes")); err != nil {
			t.Skip("needs swap accounting")
		}
		only := onlyMemory{m}
		everySequence(t, func() *Container {
			writeFile(t, filepath.Join(dir, "memory.memsw.limit_in_bytes"), "-1")
			writeFile(t, filepath.Join(dir, "memory.limit_in_bytes"), "-1")
			return memoryContainer(only, "/sys")
		}, func() memoryState {
			return memoryState{v1Limit(t, dir, "memory.limit_in_bytes"), v1Limit(t, dir, "memory.memsw.limit_in_bytes")}
		})
	})
	t.Run("v2", func(t *testing.T) {
		if os.Geteuid() != 0 || !cgroups.IsCgroup2UnifiedMode() {
			t.Skip("needs root and cgroup v2")
		}
		m := emptyCgroup(t, "memory")
		if err := m.Apply(-1); err != nil {
			t.Fatal(err)
		}
		onV2(t, m.GetPaths()[""], func() *Container { return memoryContainer(m, "/sys") })
	})
	t.Run("like v2", func(t *testing.T) {
		sys := t.TempDir()
		dir := filepath.Join(sys, "fs/cgroup/c")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		cgroups.TestMode = true
		defer func() { cgroups.TestMode = false }()
		writeFile(t, filepath.Join(dir, "cgroup.controllers"), "memory")
		onV2(t, dir, func() *Container {
			m, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{SkipDevices: true}}, dir)
			if err != nil {
				t.Fatal(err)
			}
			return memoryContainer(m, sys)
		})
	})
}

// onV2 is everySequence in a cgroup of v2, which limits swap apart.
func onV2(t *testing.T, dir string, container func() *Container) {
	t.Helper()
	everySequence(t, func() *Container {
		for _, file := range []string{"memory.max", "memory.swap.max"} {
			writeFile(t, filepath.Join(dir, file), "max")
		}
		return container()
	}, func() memoryState {
		s := memoryState{v2Limit(t, dir, "memory.max"), v2Limit(t, dir, "memory.swap.max")}
		if s.both != -1 {
			s.both += s.memory
		}
		return s
	})
}

func everySequence(t *testing.T, fresh func() *Container, read func() memoryState) {
	t.Helper()
	n := len(memoryUpdates)
	for i := range len(memoryStarts) * n * n {
		c, state := fresh(), memoryState{-1, -1}
		sequence := []memoryUpdate{memoryStarts[i/n/n], memoryUpdates[i/n%n], memoryUpdates[i%n]}
		for _, u := range sequence {
			want, refused := state.after(u)
			err := c.Update(&specs.LinuxResources{Memory: u.wire()})
			if got := read(); refused != (err != nil) || got != want {
				t.Fatalf("%v, at %v of %v: %v, limits %v; want refused %t, limits %v", sequence, u, state, err, got, refused, want)
			}
			if refused && !strings.Contains(err.Error(), "memory and swap together cannot be limited") {
				t.Fatalf("%v: %v, want the reason in words", sequence, err)
			}
			state = want
		}
	}
}

// wire is the update after its conversion from the wire.
func (u memoryUpdate) wire() *specs.LinuxMemory {
	m := &specs.LinuxMemory{}
	if u.limit != 0 {
		m.Limit = pointer(u.limit)
	}
	if u.swap != 0 {
		m.Swap = pointer(u.swap)
	}
	return m
}

func memoryContainer(m cgroups.Manager, sys string) *Container {
	return &Container{
		id: "c", cgroup: m, limits: &cgroups.Resources{}, options: Options{Sys: sys},
		spec: &specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{}}},
	}
}

// onlyMemory is a cgroup of which only the memory controller has been made.
type onlyMemory struct{ cgroups.Manager }

func (o onlyMemory) Set(r *cgroups.Resources) error {
	return o.Manager.Set(&cgroups.Resources{Memory: r.Memory, MemorySwap: r.MemorySwap, SkipDevices: true})
}

// v1Limit reads a limit; the kernel shows none as the largest number of bytes in pages.
func v1Limit(t *testing.T, dir, file string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(readFile(t, filepath.Join(dir, file)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if n >= 1<<62 {
		return -1
	}
	return n
}

func v2Limit(t *testing.T, dir, file string) int64 {
	t.Helper()
	content := readFile(t, filepath.Join(dir, file))
	if content == "max" {
		return -1
	}
	n, err := strconv.ParseInt(content, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// refusing is a cgroup that refuses the first limits written and keeps what is written next.
type refusing struct {
	cgroups.Manager
	written []*cgroups.Resources
}

func (r *refusing) Set(limits *cgroups.Resources) error {
	r.written = append(r.written, limits)
	if len(r.written) == 1 {
		return errors.New("refused")
	}
	return nil
}

func (r *refusing) GetPaths() map[string]string {
	return map[string]string{"memory": "/x", "cpu": "/x", "pids": "/x"}
}

// TestRefusedUpdateLiftsAgain: what was no limit before an update that the kernel refuses halfway is
// none afterwards.
func TestRefusedUpdateLiftsAgain(t *testing.T) {
	m := &refusing{}
	c := memoryContainer(m, "/nowhere")
	c.limits.CpuShares = 7
	err := c.Update(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: pointer(int64(mib)), Swap: pointer(int64(2 * mib))},
		CPU:    &specs.LinuxCPU{Quota: pointer(int64(1000))}, Pids: &specs.LinuxPids{Limit: pointer(int64(5))},
	})
	if err == nil || len(m.written) != 2 {
		t.Fatalf("%v, written %d times; want the refusal and the former limits", err, len(m.written))
	}
	want := &cgroups.Resources{Memory: -1, MemorySwap: -1, CpuQuota: -1, PidsLimit: pointer(int64(-1)), CpuShares: 7, SkipDevices: true}
	if got := m.written[1]; !reflect.DeepEqual(got, want) {
		t.Errorf("written back: %+v, want %+v", got, want)
	}
}
