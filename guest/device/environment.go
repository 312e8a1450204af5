// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"maps"
	"strings"

	"github.com/kata-containers/kata-agent/guest/device/pci"
)

// PCIMap maps addresses of the host's assigned functions to the guest's. A container has
// one for all its devices.
type PCIMap map[pci.Address]pci.Address

// Merge adds the functions of another device. The host cannot have one function twice.
func (m PCIMap) Merge(other PCIMap) error {
	for host, guest := range other {
		if before, ok := m[host]; ok && before != guest {
			return fmt.Errorf("host device %s is both %s and %s in the guest", host, before, guest)
		}
	}
	maps.Copy(m, other)
	return nil
}

// Names of variables that device plugins set: a list of PCI addresses, and a text that
// has these addresses in it.
const (
	pciVariable = "PCIDEVICE_"
	infoSuffix  = "_INFO"
)

// RewriteEnv translates the host's PCI addresses in the environment of a process. left
// names the variables that were not translated because they have an address which is not
// the container's; their values stay as they are.
func RewriteEnv(env []string, m PCIMap) (rewritten, left []string, err error) {
	rewritten = make([]string, len(env))
	infos := map[string]*strings.Replacer{}
	for i, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		if !ok {
			return nil, nil, fmt.Errorf("Malformed OCI env entry %q", entry) // known text
		}
		rewritten[i] = entry
		if !strings.HasPrefix(name, pciVariable) || strings.HasSuffix(name, infoSuffix) {
			continue
		}
		guest, replacer, ok := m.translate(value)
		if !ok {
			left = append(left, name)
			continue
		}
		rewritten[i] = name + "=" + guest
		infos[name+infoSuffix] = replacer
	}
	for i, entry := range rewritten {
		name, value, _ := strings.Cut(entry, "=")
		if replacer := infos[name]; replacer != nil {
			rewritten[i] = name + "=" + replacer.Replace(value)
		}
	}
	return rewritten, left, nil
}

// translate reads a comma list of addresses. The replacer does the same to any text, in
// one pass: the guest's address of one device may be the host's of another.
func (m PCIMap) translate(list string) (guest string, r *strings.Replacer, ok bool) {
	var guests, pairs []string
	for text := range strings.SplitSeq(list, ",") {
		host, err := pci.ParseAddress(text)
		if err != nil {
			return "", nil, false
		}
		address, ok := m[host]
		if !ok {
			return "", nil, false
		}
		guests = append(guests, address.String())
		pairs = append(pairs, text, address.String())
	}
	return strings.Join(guests, ","), strings.NewReplacer(pairs...), true
}
