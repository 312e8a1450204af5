// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// Matcher knows one device.
type Matcher interface {
	// Match tells whether an event says that the device is there.
	Match(Event) bool

	// Probe looks for the device in sysfs. sysRoot is "/sys". Not being there, or not yet,
	// is no error.
	Probe(sysRoot string) (found Event, ok bool, err error)

	// String names the device for an error text, "block device at PCI path 02.0/03.0".
	String() string
}

// Scanner is a matcher whose device the kernel looks for only when it is told to. Scan
// comes before the first probe.
type Scanner interface {
	Scan(sysRoot string) error
}

// Rescanner is a matcher whose device the kernel mostly notices by itself. Rescan is for
// when nothing has come for a while.
type Rescanner interface {
	Rescan(sysRoot string) error
}

// added tells whether an event can bring a device.
func added(e Event) bool { return e.Action == "add" }

// readEvent makes the event of a device directory in sysfs. ok is false when there is no
// such device or it is about to go.
func readEvent(sysRoot, dir string) (e Event, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, "uevent"))
	if err != nil {
		return Event{}, false
	}
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "="); found {
			e.set(key, value)
		}
	}
	if link, err := os.Readlink(filepath.Join(dir, "subsystem")); err == nil {
		e.Subsystem = filepath.Base(link)
	}
	e.Action = "add"
	e.DevPath = strings.TrimPrefix(dir, strings.TrimSuffix(sysRoot, "/"))
	return e, true
}

// probeGlob reads the devices whose directories fit a pattern below sysfs, and returns the
// first one that m matches.
func probeGlob(m Matcher, sysRoot, pattern string) (Event, bool, error) {
	dirs, err := filepath.Glob(filepath.Join(sysRoot, pattern))
	if err != nil {
		return Event{}, false, err
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		if e, ok := readEvent(sysRoot, dir); ok && m.Match(e) {
			return e, true, nil
		}
	}
	return Event{}, false, nil
}

// probeClass does the same with the links of a class directory, "class/block".
func probeClass(m Matcher, sysRoot, class string) (Event, bool, error) {
	names, err := sysfs.Names(filepath.Join(sysRoot, class))
	if err != nil {
		return Event{}, false, err
	}
	root, err := filepath.EvalSymlinks(sysRoot)
	if err != nil {
		return Event{}, false, err
	}
	for _, name := range names {
		dir, err := filepath.EvalSymlinks(filepath.Join(root, class, name))
		if err != nil {
			continue // gone meanwhile
		}
		if e, ok := readEvent(root, dir); ok && m.Match(e) {
			return e, true, nil
		}
	}
	return Event{}, false, nil
}

// numbered tells whether name is prefix and a decimal number, as in "virtio12".
func numbered(name, prefix string) bool {
	digits, ok := strings.CutPrefix(name, prefix)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
