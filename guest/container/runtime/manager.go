// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"reflect"
	"unsafe"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
)

// startManager is the cgroup manager that libcontainer uses during a start. When the start
// fails libcontainer removes the cgroup at once, and tries for a second at each hierarchy
// while a process is in it: a stage whose first one was killed is, as it waits for the end of
// a pipe that the same function closes later. So what is left is ended first.
type startManager struct {
	cgroups.Manager
	proc string
}

// Destroy is called by the thread that starts.
func (m startManager) Destroy() error {
	endOrphans(m.proc)
	return m.Manager.Destroy()
}

// useStartManager puts a startManager in the place of libcontainer's, which takes none from
// its users. It is false if libcontainer has changed: a start that fails is slow then.
func useStartManager(lc *libcontainer.Container, proc string) bool {
	f := reflect.ValueOf(lc).Elem().FieldByName("cgroupManager")
	if !f.IsValid() || f.Type() != reflect.TypeFor[cgroups.Manager]() {
		return false
	}
	at := (*cgroups.Manager)(unsafe.Pointer(f.UnsafeAddr()))
	*at = startManager{*at, proc}
	return true
}
