// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// capabilities converts the five sets; names come out as the runtime specification writes them. One
// that capabilities(7) does not have is kept: it is passed over, with a warning, where the others are
// given (runtime-spec 1.1, config.md "Linux Process").
func capabilities(in *protocols.LinuxCapabilities) *specs.LinuxCapabilities {
	if in == nil {
		return nil
	}
	return &specs.LinuxCapabilities{
		Bounding:    capabilitySet(in.Bounding),
		Effective:   capabilitySet(in.Effective),
		Inheritable: capabilitySet(in.Inheritable),
		Permitted:   capabilitySet(in.Permitted),
		Ambient:     capabilitySet(in.Ambient),
	}
}

func capabilitySet(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	out := make([]string, len(names))
	for i, name := range names {
		full, ok := capabilityNames.find(name)
		if !ok {
			full = "CAP_" + strings.TrimPrefix(strings.ToUpper(strings.Trim(name, `"`)), "CAP_")
		}
		out[i] = full
	}
	return out
}
