// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"
	"sync"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// capabilities converts the five sets. Names may have the prefix CAP_ or not, in either case; they
// come out as the runtime specification writes them. One that capabilities(7) does not have is
// refused: leaving it out would give a container less than it asked for, without a word.
func capabilities(in *protocols.LinuxCapabilities) (*specs.LinuxCapabilities, error) {
	if in == nil {
		return nil, nil
	}
	out := &specs.LinuxCapabilities{}
	for _, set := range []struct {
		from []string
		to   *[]string
	}{
		{in.Bounding, &out.Bounding},
		{in.Effective, &out.Effective},
		{in.Inheritable, &out.Inheritable},
		{in.Permitted, &out.Permitted},
		{in.Ambient, &out.Ambient},
	} {
		if len(set.from) > 0 {
			*set.to = make([]string, 0, len(set.from))
		}
		for _, name := range set.from {
			full, err := capabilityName(name)
			if err != nil {
				return nil, err
			}
			*set.to = append(*set.to, full)
		}
	}
	return out, nil
}

// capabilityNames holds the full names of all capabilities the library knows, made at first use.
var capabilityNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, c := range capability.ListKnown() {
		names["CAP_"+strings.ToUpper(c.String())] = true
	}
	return names
})

func capabilityName(name string) (string, error) {
	full := strings.ToUpper(name) // gives name itself, without a copy, when it is in upper case
	if !strings.HasPrefix(full, "CAP_") {
		full = "CAP_" + full
	}
	if !capabilityNames()[full] {
		return "", refuse("unknown capability %q", name)
	}
	return full, nil
}
