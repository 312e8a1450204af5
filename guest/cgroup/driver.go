// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// systemdForm is the form "slice:prefix:name" that selects systemd as the driver.
var systemdForm = regexp.MustCompile(`^[\w\-.]*:[\w\-.]*:[\w\-.]*$`)

// dialTimeout bounds the test whether systemd answers. A local socket answers at once
// or not at all.
const dialTimeout = time.Second

// Driver says who makes the control group of a container, and where.
type Driver struct {
	// Systemd is true when systemd makes it, false for the file system itself.
	Systemd bool
	// Path is "slice:prefix:name" for systemd, else a path below the mount points of
	// the controllers, with a leading slash.
	Path string
}

// Chooser chooses the driver. The form of the path alone cannot: hosts with systemd send
// systemd's form to guests that have none.
type Chooser struct {
	// InitMode is true when the agent is the guest's first program: no systemd then.
	InitMode bool
	// Reachable tells whether systemd runs here and answers, see [SystemdReachable].
	Reachable func() bool
}

// Choose returns the driver for cgroupsPath, linux.cgroupsPath of the OCI specification,
// of the container cid.
func (c Chooser) Choose(cgroupsPath, cid string) Driver {
	isSystemdForm := systemdForm.MatchString(cgroupsPath)
	if isSystemdForm && !c.InitMode && c.Reachable() {
		if cgroupsPath == "::" {
			cgroupsPath = "system.slice:kata_agent:" + cid
		}
		return Driver{Systemd: true, Path: cgroupsPath}
	}
	if isSystemdForm {
		cgroupsPath = strings.ReplaceAll(cgroupsPath, ":", "/")
	}
	// Cleaning as an absolute path also keeps ".." from leaving the hierarchy.
	path := filepath.Clean("/" + cgroupsPath)
	if path == "/" {
		path = "/" + cid
	}
	return Driver{Path: path}
}

// SystemdReachable tells whether systemd is the system's init, which is what the
// directory means (see sd_booted(3)), and takes connections on the bus or on its private
// socket. runRoot is "/run".
func SystemdReachable(runRoot string) bool {
	if !sysfs.IsDir(filepath.Join(runRoot, "systemd/system")) {
		return false
	}
	for _, socket := range []string{"systemd/private", "dbus/system_bus_socket"} {
		conn, err := net.DialTimeout("unix", filepath.Join(runRoot, socket), dialTimeout)
		if err == nil {
			conn.Close()
			return true
		}
	}
	return false
}
