// SPDX-License-Identifier: Apache-2.0

package config

// Option describes one row of the table for the documentation.
type Option struct {
	Words   []string // spellings on the kernel command line, the usual one first
	Keys    []string // spellings in the TOML file, the usual one first
	Env     string
	Type    string
	Default string // as TOML
	Allowed string
	Bare    bool // the bare word on the kernel command line means true
	Doc     string
}

// Group is a headed part of the table.
type Group struct {
	Title   string
	Options []Option
}

// Ignored is a word that is known and has no effect.
type Ignored struct{ Word, Reason string }

// Reference returns the table the parsers are driven by.
func Reference() []Group {
	var out []Group
	for _, g := range groups(Default()) {
		described := Group{Title: g.title}
		for _, o := range g.options {
			described.Options = append(described.Options, Option{
				Words:   o.words,
				Keys:    o.keys,
				Env:     o.env,
				Type:    o.value.kind(),
				Default: o.value.toml(),
				Allowed: o.value.allowed(),
				Bare:    isBoolean(o),
				Doc:     o.doc,
			})
		}
		out = append(out, described)
	}
	return out
}

// IgnoredWords returns the words that cause neither an effect nor a warning.
func IgnoredWords() []Ignored {
	var out []Ignored
	for _, word := range sortedKeys(ignored) {
		out = append(out, Ignored{word, ignored[word]})
	}
	return out
}
