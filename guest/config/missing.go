// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// missingPart is a part of the agent that does not exist yet. Its options are accepted, with a warning
// that they have no effect. When the part is built, its name is removed here.
type missingPart string

const (
	partComponents missingPart = "guest components"
)

// warnMissing gives one warning for each missing part that is asked for, with the options that do.
func (l *loader) warnMissing() {
	asked := map[missingPart][]string{}
	var order []missingPart
	defaults := options(Default())
	for i, o := range l.options {
		if o.part == "" || !l.asks(o, defaults[i]) {
			continue
		}
		if asked[o.part] == nil {
			order = append(order, o.part)
		}
		asked[o.part] = append(asked[o.part], o.name())
	}
	for _, part := range order {
		names := asked[part]
		last := l.given[names[len(names)-1]]
		l.warnings = append(l.warnings, Warning{
			Source: last.String(), Option: strings.Join(names, ", "), Missing: string(part),
			Reason: "no effect: this agent does not have " + string(part) + " yet",
		})
	}
}

// asks says whether an option was given such that its part would have to do something. A file with
// every option at its default, as the sample is, asks for nothing.
func (l *loader) asks(o, standard option) bool {
	from, given := l.given[o.name()]
	if !given {
		return false
	}
	switch text := o.value.text(); text {
	case "none", "false", "0":
		return false
	default:
		return from > sourceFile || text != standard.value.text()
	}
}
