// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/lab/qmp"
)

// Image is a machine that stands still: its memory in one file, the state of its devices in another.
// Any number of clones go on from it.
type Image struct {
	opts      Options
	dir       string
	initramfs string // QEMU reads it at the start, though the guest does not
	clones    atomic.Uint32
}

// streamsOfAll is more than one VM ever opens: see mux.Session.Skip.
const streamsOfAll = 1 << 16

func (i *Image) memoryPath() string { return filepath.Join(i.dir, "memory") }
func (i *Image) statePath() string  { return filepath.Join(i.dir, "state") }
func (i *Image) next() uint32       { return i.clones.Load() * streamsOfAll }

// memory adds the guest's memory. A clone has that of its image, and keeps what it changes to itself. i
// may be nil.
func (i *Image) memory(m *machine, opts Options, dir string) {
	backend := "memory-backend-memfd,share=on"
	switch {
	case i != nil:
		backend = "memory-backend-file,share=off,mem-path=" + i.memoryPath()
		m.arg("-incoming", "defer", "-S")
	case opts.Snapshots:
		backend = "memory-backend-file,share=on,mem-path=" + filepath.Join(dir, "memory")
	}
	m.arg("-object", fmt.Sprintf("%s,id=mem,size=%dM", backend, opts.MemoryMiB))
	if opts.Snapshots && !opts.NoGeneration {
		m.arg("-device", "vmgenid,guid=auto") // another one for each QEMU
	}
}

// Snapshot stops the VM, takes its image and ends it, as a machine that is gone. Nobody tells the guest.
func (vm *VM) Snapshot(t testing.TB) *Image {
	t.Helper()
	i := &Image{opts: vm.opts, dir: vm.dir, initramfs: filepath.Join(vm.dir, "initramfs")}
	vm.Pause(t)
	vm.ignoreShared(t)
	vm.do(t, "migrate", qmp.Args{"uri": "exec:cat > " + i.statePath()})
	vm.awaitMigration(t)
	vm.imaged = true
	t.Cleanup(func() { os.RemoveAll(i.dir) })
	vm.qemu.kill()
	return i
}

// Clone starts a machine that goes on from the image, with connections of its own: those that the image
// has are not closed, and what is sent on them goes nowhere.
func (i *Image) Clone(t testing.TB) *VM {
	t.Helper()
	i.clones.Add(1)
	dir, err := os.MkdirTemp("/tmp", "kvm-")
	if err != nil {
		t.Fatal(err)
	}
	opts := i.opts
	opts.Vsock = Bridge()
	vm := &VM{t: t, opts: opts, dir: dir, vsockPath: filepath.Join(dir, "vsock"), ports: map[int]string{}, image: i}
	t.Cleanup(vm.close)
	if err := vm.start(); err != nil {
		t.Fatalf("start clone: %v", err)
	}
	vm.ignoreShared(t)
	vm.do(t, "migrate-incoming", qmp.Args{"uri": "exec:cat " + i.statePath()})
	vm.awaitMigration(t)
	vm.started = time.Now()
	vm.Resume(t)
	return vm
}

// ignoreShared keeps the memory out of the state: it is in its file.
func (vm *VM) ignoreShared(t testing.TB) {
	t.Helper()
	vm.do(t, "migrate-set-capabilities", qmp.Args{"capabilities": []qmp.Args{{"capability": "x-ignore-shared", "state": true}}})
}

func (vm *VM) awaitMigration(t testing.TB) {
	t.Helper()
	var status struct{ Status string }
	guard.Until(t, "end of the migration", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), qmpLimit)
		defer cancel()
		if err := vm.qmp.Do(ctx, "query-migrate", nil, &status); err != nil {
			t.Fatal(err)
		}
		return status.Status == "completed" || status.Status == "failed"
	})
	if status.Status == "failed" {
		t.Fatal("the migration has failed")
	}
}

// Written is how much of its memory a clone has written to since it went on, in bytes.
func (vm *VM) Written(t testing.TB) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", vm.qemu.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var total, kib uint64
	ours := false
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); strings.Contains(fields[0], "-") {
			ours = fields[len(fields)-1] == vm.image.memoryPath()
		} else if _, err := fmt.Sscanf(line, "Anonymous: %d kB", &kib); err == nil && ours {
			total += kib
		}
	}
	return total << 10
}
