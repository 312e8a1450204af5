// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sharedTrees are the packages that work in directories which containers can write to: volumes, and
// what the host shares. While the agent follows a path there, a container may put a link in its
// way: that made runc create files outside of a volume (CVE-2024-45310) and mount over the host
// (CVE-2021-30465). There guest/sys/safepath opens, makes and removes, and guest/mount mounts.
var sharedTrees = []string{"guest/storage/fsgroup", "guest/storage/share", "guest/storage/volume", "guest/storage/watchable"}

// byPath are the calls that follow a path as the kernel finds it.
var byPath = regexp.MustCompile(`\bos\.(Create|CreateTemp|Open|OpenFile|ReadFile|WriteFile|ReadDir|Mkdir|MkdirAll|MkdirTemp|Remove|RemoveAll|` +
	`Rename|Symlink|Link|Chmod|Chown|Lchown|Chtimes|Truncate|Stat|Lstat|Readlink)\(|` +
	`\bfilepath\.(EvalSymlinks|Walk|WalkDir|Glob)\(|` +
	`\bunix\.(Open|Creat|Mkdir|Mknod|Mount|Unmount|Chmod|Chown|Lchown|Unlink|Rmdir|Rename|Symlink|Link|Stat|Lstat|Statfs|Truncate|Setxattr|Lsetxattr)\(`)

// mayByPath are those that may, by file and call, and why no container can get in their way.
var mayByPath = map[string]string{
	"guest/storage/share/stale.go unix.Lstat(":       "the mount points of the table: lstat(2) changes nothing, and a link ends it",
	"guest/storage/share/tree.go os.MkdirAll(":       "the root of the shared tree, below /run, where only the agent writes",
	"guest/storage/volume/device.go unix.Stat(":      "a node in the agent's /dev",
	"guest/storage/volume/encrypted.go os.OpenFile(": "a node in the agent's /dev/mapper",
	"guest/storage/volume/encrypted.go os.Remove(":   "a node in the agent's /dev/mapper",
	"guest/storage/volume/hugepages.go os.ReadFile(": "an attribute in sysfs",
}

// TestSharedTreesAreNotFollowedByPath finds a call in these packages that a container could lead
// elsewhere, and a permission that is not used any more. A path of a descriptor is none
// (safepath.FDPath).
func TestSharedTreesAreNotFollowedByPath(t *testing.T) {
	used := map[string]bool{}
	lines(t, sharedTrees, func(name, line string, n int) {
		for _, call := range byPath.FindAllString(line, -1) {
			key := name + " " + call
			used[key] = true
			if !strings.Contains(line, call+"safepath.FDPath(") && mayByPath[key] == "" {
				t.Errorf("%s:%d: %s follows links of a container; use guest/sys/safepath or guest/mount, or say in mayByPath why it may", name, n, call)
			}
		}
	})
	for key := range mayByPath {
		if !used[key] {
			t.Errorf("%s is not there any more, but mayByPath allows it", key)
		}
	}
}

// procSelf is a path through a process's own directory of procfs.
var procSelf = regexp.MustCompile(`"[^"]*/(thread-)?self(/[^"]*)?"`)

// mayProcSelf are the files that use one, and what says that it is the kernel's. In the mount
// namespace of a container /proc is what its image or volume has put there: writes of runc went to
// other files of procfs that way (CVE-2019-16884, CVE-2025-31133, CVE-2025-52881). So after a thread has
// entered one, descriptors are used that were opened before.
var mayProcSelf = map[string]string{
	"actors/agent/memagent.go":            "the agent's procfs",
	"guest/boot/goruntime/monitor.go":     "the agent's procfs, before there are containers",
	"guest/boot/mounts.go":                "the agent's procfs, before there are containers",
	"guest/boot/session.go":               "targets of links that are made, which nothing follows here",
	"guest/container/namespace/shared.go": "the agent's procfs: the thread has its own IPC or UTS namespace, and the agent's mounts",
	"guest/container/runtime/plan.go":     "targets of links that are made, which nothing follows here",
	"guest/container/nsexec/helper.go":    "the agent's procfs: the helper has the agent's mounts",
	"guest/container/nsexec/last.go":      "a program's path, whose procfs the agent has looked at before (guest/container/runtime/last.go)",
	"guest/storage/filesystem/grow.go":    "the agent's procfs",
	"guest/sys/oom/reserve.go":            "the agent's procfs",
	"guest/sys/oom/start.go":              "the agent's procfs",
	"guest/sys/safepath/dir.go":           "the agent's procfs; what everybody else uses",
}

// TestProcSelfIsTheKernels finds a new use of a path through /proc/self.
func TestProcSelfIsTheKernels(t *testing.T) {
	used := map[string]bool{}
	lines(t, []string{"actors", "cmd/kata-agent", "guest", "rpc"}, func(name, line string, n int) {
		if code, _, _ := strings.Cut(line, "//"); !procSelf.MatchString(code) || within(name, "guest/guesttest") {
			return
		}
		used[name] = true
		if mayProcSelf[name] == "" {
			t.Errorf("%s:%d: in a container's mount namespace this may be anything; use safepath.FDPath, or say in mayProcSelf whose procfs it is", name, n)
		}
	})
	for name := range mayProcSelf {
		if !used[name] {
			t.Errorf("%s has no such path any more, but mayProcSelf allows it", name)
		}
	}
}

// lines calls f for each line of the Go files below these directories that are no tests.
func lines(t *testing.T, below []string, f func(name, line string, n int)) {
	t.Helper()
	files(t, func(name string) {
		if filepath.Ext(name) != ".go" || ofTests(name) {
			return
		}
		for _, dir := range below {
			if !within(name, dir) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			for n, line := range strings.Split(string(text), "\n") {
				f(name, line, n+1)
			}
		}
	})
}
