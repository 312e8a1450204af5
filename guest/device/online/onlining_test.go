// SPDX-License-Identifier: Apache-2.0

package online

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

const cpuDir = "devices/system/cpu/"

// kernel follows what is written to a fake sysfs: it sets the list of online CPUs, and
// adds the CPUs in later one by one. It ends with the test.
func kernel(t *testing.T, root string, later ...string) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond): // clock: how often it looks
			}
			online := "0"
			files, _ := filepath.Glob(filepath.Join(root, cpuDir, "cpu*/online"))
			for _, file := range files {
				if text, _ := os.ReadFile(file); strings.TrimSpace(string(text)) == "1" {
					online += "," + strings.TrimPrefix(filepath.Base(filepath.Dir(file)), "cpu")
				}
			}
			// As a whole, as sysfs shows it.
			next := filepath.Join(root, cpuDir, ".online")
			_ = os.WriteFile(next, []byte(online+"\n"), 0o644)
			_ = os.Rename(next, filepath.Join(root, cpuDir, "online"))
			if len(later) > 0 {
				dir := filepath.Join(root, cpuDir, later[0])
				_ = os.Mkdir(dir, 0o755)
				_ = os.WriteFile(filepath.Join(dir, "online"), []byte("0\n"), 0o644)
				later = later[1:]
			}
		}
	}()
}

func TestCPUs(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		cpuDir + "online": "0\n", cpuDir + "cpu0/x": "", cpuDir + "cpu1/online": "0\n", cpuDir + "cpu2/online": "0\n",
		cpuDir + "cpufreq/online": "0\n",
	})
	kernel(t, root)
	if err := CPUs(t.Context(), root, 1); err != nil {
		t.Fatal(err)
	}
	if read(t, root, cpuDir+"cpu1/online") != "0" {
		t.Error("a CPU was brought up for nothing")
	}
	if err := CPUs(t.Context(), root, 3); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"cpu1": "1", "cpu2": "1", "cpufreq": "0"} {
		if got := read(t, root, cpuDir+name+"/online"); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestBringUpNoMoreThanAsked(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{cpuDir + "cpu1/online": "1\n", cpuDir + "cpu2/online": "0\n", cpuDir + "cpu3/online": "0\n"})
	if err := bringUp(root, 1); err != nil {
		t.Fatal(err)
	}
	if two, three := read(t, root, cpuDir+"cpu2/online"), read(t, root, cpuDir+"cpu3/online"); two != "1" || three != "0" {
		t.Errorf("CPU 2 is %s, CPU 3 is %s", two, three)
	}
}

func TestCPUsComeLater(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{cpuDir + "online": "0\n", cpuDir + "cpu1/online": "0\n"})
	kernel(t, root, "cpu2", "cpu3")
	if err := CPUs(t.Context(), root, 4); err != nil {
		t.Fatal(err)
	}
}

func TestCPUsMissing(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{cpuDir + "online": "0-1\n"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // clock: the CPUs never come
	defer cancel()
	err := CPUs(ctx, root, 4)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "online cpus: failed to online 4 CPU(s)") {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := CPUs(t.Context(), t.TempDir(), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without sysfs: %v, want %v", err, fs.ErrNotExist)
	}
}

const memDir = memoryDir + "/"

func TestMemory(t *testing.T) {
	root := t.TempDir()
	if n, err := Memory(root); n != 0 || err != nil {
		t.Errorf("without memory hotplug: %d, %v", n, err)
	}
	write(t, root, map[string]string{
		memDir + "memory0/online": "1\n", memDir + "memory1/online": "0\n", memDir + "memory32/online": "0\n",
		memDir + "power/online": "0\n", memDir + "memory9/x": "",
	})
	if n, err := Memory(root); n != 2 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for name, want := range map[string]string{"memory0": "1", "memory1": "1", "memory32": "1", "power": "0"} {
		if got := read(t, root, memDir+name+"/online"); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	write(t, root, map[string]string{memDir + "memory40/online": "0\n"})
	if err := MemoryBlock(root, "/"+memDir+"memory40"); err != nil || read(t, root, memDir+"memory40/online") != "1" {
		t.Errorf("one block: %v", err)
	}
	if err := MemoryBlock(root, "/"+memDir+"memory41"); err != nil {
		t.Errorf("a block that is gone: %v", err)
	}
}

func TestBlockSize(t *testing.T) {
	root := t.TempDir()
	if size, err := BlockSize(root); size != 0 || err != nil {
		t.Errorf("got %d, %v", size, err)
	}
	for text, want := range map[string]uint64{"8000000\n": 134217728, "80000000": 2147483648, "": 0, "xyz": 0} {
		write(t, root, map[string]string{memDir + "block_size_bytes": text})
		size, err := BlockSize(root)
		if size != want || (want == 0) != errors.Is(err, ErrBlockSize) {
			t.Errorf("%q: got %d, %v", text, size, err)
		}
	}
}

func TestProbe(t *testing.T) {
	root := t.TempDir()
	if can, err := CanProbe(root); can || err != nil {
		t.Errorf("got %t, %v", can, err)
	}
	if err := Probe(root, []uint64{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
	write(t, root, map[string]string{memDir + "probe": ""})
	if can, err := CanProbe(root); !can || err != nil {
		t.Errorf("got %t, %v", can, err)
	}
	if err := Probe(root, []uint64{0x1000, 0xabc0000000}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, memDir+"probe"); got != "0xABC0000000" {
		t.Errorf("wrote %s", got)
	}
	if err := Probe(root, nil); err != nil {
		t.Errorf("nothing to probe: %v", err)
	}
}
