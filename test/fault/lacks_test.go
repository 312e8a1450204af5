// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/harness"
)

// everyday are the scenarios of most lacks.
var everyday = []string{"container", "operations", "volumes", "files", "policy"}

// inGuest runs a script in the agent's mount namespace.
func inGuest(p *harness.Pod, script string, args ...any) {
	p.T.Helper()
	p.Command(p.T, "/bin/busybox", "sh", "-ec", "PATH=/bin:/sbin:/usr/bin:/usr/sbin\n"+fmt.Sprintf(script, args...))
}

// TestNoSpaceLeft fills the agent's /run, where its state, its journal, the containers' directories and the hosts' files
// are, up to the last pages.
func TestNoSpaceLeft(t *testing.T) {
	lack{
		name: "pages of /run", scenarios: everyday, rations: upTo(64), says: []string{"no space left on device"},
		options: harness.Options{Cmdline: "agent.keep_containers\n"},
		ration:  func(p *harness.Pod, n int) func() { return fill(p, n, many) },
	}.try(t)
}

// TestNoInodeLeft does the same with files.
func TestNoInodeLeft(t *testing.T) {
	lack{
		name: "inodes of /run", scenarios: []string{"container", "volumes", "files"}, rations: upTo(64), says: []string{"no space left on device"},
		options: harness.Options{Cmdline: "agent.keep_containers\n"},
		ration:  func(p *harness.Pod, n int) func() { return fill(p, many, n) },
	}.try(t)
}

// many is more than anybody needs.
const many = 1 << 16

// fill leaves so many pages and inodes in /run. The file system is made smaller, which is the same to those that write, and
// costs no memory.
func fill(p *harness.Pod, pages, inodes int) (giveBack func()) {
	p.T.Helper()
	var s unix.Statfs_t
	p.Must(unix.Statfs(p.Path("/run"), &s))
	used, files := s.Blocks-s.Bfree, s.Files-s.Ffree
	size := func(blocks, inodes uint64) {
		inGuest(p, "mount -o remount,size=%d,nr_inodes=%d /run", max(blocks, 1)*uint64(s.Bsize), inodes)
	}
	size(used+uint64(pages), files+uint64(inodes))
	return func() { size(s.Blocks, s.Files) }
}

// TestReadOnlyRun takes the right to write to /run from an agent that runs.
func TestReadOnlyRun(t *testing.T) {
	lack{
		name: "a /run to write to", scenarios: []string{"container", "volumes", "files", "policy"}, rations: []int{0}, says: []string{"read-only file system"},
		options: harness.Options{Cmdline: "agent.keep_containers\n"},
		ration: func(p *harness.Pod, _ int) func() {
			inGuest(p, "mount -o remount,bind,ro /run")
			return func() { inGuest(p, "mount -o remount,bind,rw /run") }
		},
	}.try(t)
}

// TestFullMountTable fills the agent's mount namespace to what the kernel lets one have.
func TestFullMountTable(t *testing.T) {
	const limit = "/proc/sys/fs/mount-max"
	if b, err := os.ReadFile(limit); err != nil || len(b) > len("100000\n") {
		t.Skipf("%s is %q, too many to fill it (%v)", limit, b, err)
	}
	lack{
		name: "mounts", scenarios: []string{"volumes"}, rations: []int{0, 1, 2, 4, 8, spare}, says: []string{"no space left on device"},
		ration: fillMounts,
	}.try(t)
}

// spare is how many mounts a life needs at most.
const spare = 48

// fillMounts binds a tree of mounts into itself again and again, until the kernel takes none; smaller trees fill what is left
// then. n mounts that were there before go away.
func fillMounts(p *harness.Pod, n int) (giveBack func()) {
	p.T.Helper()
	inGuest(p, `
mkdir /run/fill /run/spare
mount -t tmpfs fill /run/fill
mount -t tmpfs spare /run/spare
for i in $(seq %d); do mkdir /run/spare/$i; mount -o bind /run/spare/$i /run/spare/$i; done
for i in $(seq 17); do mkdir /run/fill/$i; mount -o rbind /run/fill /run/fill/$i 2>/dev/null || true; done
for i in $(seq 17 -1 1) 1 1 1; do mkdir -p /run/spare/r$i; mount -o rbind /run/fill/$i /run/spare/r$i 2>/dev/null || true; done
for i in $(seq 4); do mkdir -p /run/spare/l; mount -o bind /run/spare/l /run/spare/l 2>/dev/null || true; done
for i in $(seq %d); do umount /run/spare/$i; done`, spare, n)
	return func() { inGuest(p, "umount -l /run/fill; umount -l /run/spare; rmdir /run/fill /run/spare") }
}

// TestFullSharedMemory fills the guest's /dev/shm, which is the containers' business alone.
func TestFullSharedMemory(t *testing.T) {
	lack{
		name: "/dev/shm", scenarios: []string{"container", "volumes"}, rations: []int{0}, harmless: true,
		ration: func(p *harness.Pod, _ int) func() {
			inGuest(p, "mount -t tmpfs -o size=4k shm /dev/shm; head -c 4096 /dev/zero > /dev/shm/full; ! echo more > /dev/shm/more 2>/dev/null")
			return func() { inGuest(p, "umount /dev/shm") }
		},
	}.try(t)
}
