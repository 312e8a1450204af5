// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is where the containers' cgroups go, below each controller.
func (d *demo) cgroup() string { return "/" + filepath.Base(d.dir) }

// cgroups are the directories at path in every hierarchy and what is below them, innermost first.
func cgroups(path string) []string {
	tops, _ := filepath.Glob("/sys/fs/cgroup/*" + path)
	tops = append(tops, "/sys/fs/cgroup"+path)
	var dirs []string
	for _, top := range tops {
		_ = filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				dirs = append(dirs, p)
			}
			return nil // a cgroup may go while we look
		})
	}
	slices.Reverse(dirs)
	return dirs
}

// removeCgroups removes the directories at path. A cgroup in them is one that the agent has left
// behind, which is an error.
func removeCgroups(path string) error {
	var err error
	for _, dir := range cgroups(path) {
		if filepath.Base(dir) != filepath.Base(path) {
			err = errors.Join(err, fmt.Errorf("cgroup left behind: %s", dir))
		} else if e := syscall.Rmdir(dir); e != nil && err == nil {
			err = fmt.Errorf("remove cgroup %s: %w", dir, e)
		}
	}
	return err
}

// endCgroups kills what still runs in the cgroups of the demonstration, and removes them.
func endCgroups(path string) {
	for range 100 {
		left := cgroups(path)
		for _, dir := range left {
			procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for _, pid := range strings.Fields(string(procs)) {
				if n, err := strconv.Atoi(pid); err == nil && n > 1 {
					_ = syscall.Kill(n, syscall.SIGKILL) // it may have ended
				}
			}
			_ = syscall.Rmdir(dir) // tried again while processes are ending
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
