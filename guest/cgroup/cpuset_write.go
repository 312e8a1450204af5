// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

const cpusFile = "cpuset.cpus"

// SetCPUs gives a group its CPUs after the guest got new ones: every ancestor below
// mount is widened to all online CPUs, the topmost first because the kernel wants a
// child's CPUs among its parent's, then the group itself is set to own. An empty own is
// a container that did not ask for CPUs: it gets all.
//
// mount is where the cpuset controller (v1) or the unified tree (v2) is mounted and
// path is the group below it. The first failure is returned after every level was tried,
// for the levels are worth widening one by one. On v2 a level without CPUs of its own
// follows its parent and stays so, and one without the controller is left alone.
func SetCPUs(mount, path string, own, online CPUSet) error {
	names := strings.Split(strings.Trim(filepath.Clean("/"+path), "/"), "/")
	if names[0] == "" {
		return nil // the root group follows the guest by itself
	}
	if own.Len() == 0 {
		own = online
	}
	var first error
	dir := mount
	for i, name := range names {
		dir = filepath.Join(dir, name)
		cpus := online
		isOwn := i == len(names)-1
		if isOwn {
			cpus = own
		}
		if err := writeCPUs(dir, cpus, isOwn && own.String() != online.String()); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// writeCPUs sets one level. On v2 an empty file means "as the parent", which is already
// right unless the level asks for something else, which must says.
func writeCPUs(dir string, cpus CPUSet, must bool) error {
	file := filepath.Join(dir, cpusFile)
	now, err := sysfs.Read(file)
	if errors.Is(err, fs.ErrNotExist) && isUnified(dir) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set CPUs of cgroup: %w", err)
	}
	if now == cpus.String() || now == "" && !must && isUnified(dir) {
		return nil
	}
	if err := sysfs.Write(file, cpus.String()); err != nil {
		return fmt.Errorf("set CPUs of cgroup to %s: %w", cpus, err)
	}
	return nil
}

// isUnified tells whether dir is a cgroup v2 group, all of which have this file.
func isUnified(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cgroup.controllers"))
	return err == nil
}
