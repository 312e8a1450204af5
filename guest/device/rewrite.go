// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Update says that the device the container sees at ContainerPath is Node in the guest.
type Update struct {
	ContainerPath string
	Node          Node
	// FinalPath replaces ContainerPath, for a device whose name in the guest is part of
	// its meaning, like that of a VFIO group.
	FinalPath string
}

// number is what a rule of the device cgroup names a device by.
type number struct {
	kind         string
	major, minor int64
}

// Rewrite puts the guest's device numbers in the place of the host's, in the devices and
// in the cgroup rules of a specification, and then allows each device to the container.
//
// The rules of the host are translated first and by its numbers alone: a number of the
// guest may well be another device's number on the host.
func Rewrite(spec *specs.Spec, updates []Update) error {
	if len(updates) == 0 {
		return nil
	}
	if spec.Linux == nil {
		return errors.New("Spec didn't contain linux field") // known text
	}
	byPath := map[string]Update{}
	for _, u := range updates {
		if _, ok := byPath[u.ContainerPath]; ok {
			return fmt.Errorf("Conflicting device updates for %s", u.ContainerPath) // known text
		}
		byPath[u.ContainerPath] = u
	}
	guest, err := translation(spec.Linux.Devices, byPath)
	if err != nil {
		return err
	}
	rewriteDevices(spec.Linux.Devices, byPath)
	if spec.Linux.Resources == nil {
		spec.Linux.Resources = &specs.LinuxResources{}
	}
	rewriteRules(spec.Linux.Resources.Devices, guest)
	for _, u := range updates {
		spec.Linux.Resources.Devices = append(spec.Linux.Resources.Devices, Allow(u.Node))
	}
	return nil
}

// translation pairs the host's numbers of the devices to be updated with the guest's.
func translation(devices []specs.LinuxDevice, byPath map[string]Update) (map[number]Node, error) {
	guest := map[number]Node{}
	missing := map[string]bool{}
	for path := range byPath {
		missing[path] = true
	}
	for _, d := range devices {
		u, ok := byPath[d.Path]
		if !ok {
			continue
		}
		delete(missing, d.Path)
		host := number{ruleType(d.Type), d.Major, d.Minor}
		if other, ok := guest[host]; ok && !sameDevice(other, u.Node) {
			return nil, fmt.Errorf("Conflicting resource updates for host_major=%d host_minor=%d", d.Major, d.Minor) // known text
		}
		guest[host] = u.Node
	}
	if len(missing) > 0 {
		var paths []string
		for path := range missing {
			paths = append(paths, strconv.Quote(path))
		}
		slices.Sort(paths)
		return nil, fmt.Errorf("Missing devices in OCI spec: %q", strings.Join(paths, " ")) // known text
	}
	return guest, nil
}

// ruleType is the type of the rule for a device of a type. The OCI specification has "u"
// for an unbuffered character device.
func ruleType(deviceType string) string {
	if deviceType == "u" {
		return "c"
	}
	return deviceType
}

func sameDevice(a, b Node) bool {
	return a.Type == b.Type && a.Major == b.Major && a.Minor == b.Minor
}

func rewriteDevices(devices []specs.LinuxDevice, byPath map[string]Update) {
	for i := range devices {
		d := &devices[i]
		u, ok := byPath[d.Path]
		if !ok {
			continue
		}
		d.Major, d.Minor = u.Node.Major, u.Node.Minor
		if u.FinalPath != "" {
			d.Path = u.FinalPath
		}
	}
}

func rewriteRules(rules []specs.LinuxDeviceCgroup, guest map[number]Node) {
	for i := range rules {
		r := &rules[i]
		if r.Major == nil || r.Minor == nil {
			continue
		}
		if node, ok := guest[number{r.Type, *r.Major, *r.Minor}]; ok {
			r.Major, r.Minor = &node.Major, &node.Minor
		}
	}
}

// Allow returns the rule that lets a container use a device in every way.
func Allow(n Node) specs.LinuxDeviceCgroup {
	return specs.LinuxDeviceCgroup{Allow: true, Type: n.Type, Major: &n.Major, Minor: &n.Minor, Access: "rwm"}
}
