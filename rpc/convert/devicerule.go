// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// deviceRules converts the rules of the device controller, in order, for the last that fits wins.
//
// The wire cannot tell number 0 from an absent one. The choice: for block and character devices 0 is
// a number and only a negative one is "any", because the other reading turns leave to use disk 8:0
// into leave to use every disk. A rule for all types ("a", or none) with both numbers 0 is how hosts
// send "all devices", and is read so. With other numbers such a rule becomes one for each type: the
// kernel and libcontainer ignore numbers in rules for all types, which would allow everything. An
// unknown type is refused for the same reason. Empty access is all of it.
func deviceRules(in []*protocols.LinuxDeviceCgroup) ([]specs.LinuxDeviceCgroup, error) {
	var out []specs.LinuxDeviceCgroup
	for _, rule := range in {
		access := rule.Access
		if access == "" {
			access = "rwm"
		}
		if strings.Trim(access, "rwm") != "" {
			return nil, refuse("device rule has unknown access %q", rule.Access)
		}
		types, major, minor, err := ruleScope(rule)
		if err != nil {
			return nil, err
		}
		for _, t := range types {
			out = append(out, specs.LinuxDeviceCgroup{
				Allow: rule.Allow, Type: t, Major: major, Minor: minor, Access: access,
			})
		}
	}
	return out, nil
}

// ruleScope returns what a rule is for: types, and numbers that are nil for "any".
func ruleScope(rule *protocols.LinuxDeviceCgroup) (types []string, major, minor *int64, err error) {
	number := func(n int64) *int64 {
		if n < 0 {
			return nil
		}
		return &n
	}
	major, minor = number(rule.Major), number(rule.Minor)
	kind, ok := deviceTypes.find(rule.Type)
	if !ok && rule.Type != "" {
		return nil, nil, nil, refuse("device rule has unknown type %q", rule.Type)
	}
	switch kind {
	case "b", "c":
		return []string{kind}, major, minor, nil
	case "p": // a pipe is no device for the controller
		return nil, nil, nil, nil
	case "u": // the other name mknod(1) has for a character device
		return []string{"c"}, major, minor, nil
	}
	if rule.Major <= 0 && rule.Minor <= 0 {
		return []string{"a"}, nil, nil, nil
	}
	return []string{"b", "c"}, major, minor, nil
}
