// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"strings"
	"sync"

	"github.com/moby/sys/capability"
)

// capabilityBits are the capabilities the running kernel has, by their OCI names.
var capabilityBits = sync.OnceValues(func() (map[string]uint64, error) {
	supported, err := capability.ListSupported()
	if err != nil {
		return nil, err
	}
	bits := make(map[string]uint64, len(supported))
	for _, c := range supported {
		bits["CAP_"+strings.ToUpper(c.String())] = 1 << c
	}
	return bits, nil
})

// CapabilitySet makes a set of OCI names ("CAP_KILL"). Names that the kernel does not
// know are returned and otherwise ignored, as runc does.
func CapabilitySet(names []string) (set uint64, unknown []string, err error) {
	bits, err := capabilityBits()
	if err != nil {
		return 0, nil, err
	}
	for _, name := range names {
		bit, ok := bits[name]
		if !ok {
			unknown = append(unknown, name)
		}
		set |= bit
	}
	return set, unknown, nil
}
