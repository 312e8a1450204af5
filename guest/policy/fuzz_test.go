// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"regexp"
	"testing"
)

// FuzzTranslate: a translated pattern is one of Go's.
func FuzzTranslate(f *testing.F) {
	for _, seed := range []string{`^\d+[\w.-]*$`, `a++`, `[[a]b]`, `(?i:a){2}{3}`, `\p{Greek}\u{41}`, `(a|b)*?`, `\Qa\E`, `[^\W\]]`, `x{,3}`, `(?P<n>a)`} {
		f.Add(seed, "text é")
		f.Add(seed, "text")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		to, err := translate(pattern, text)
		if err != nil {
			if !errors.Is(err, errPattern) && !errors.Is(err, errDialect) {
				t.Errorf("%q: %v", pattern, err)
			}
			return
		}
		if _, err := regexp.Compile(to); err != nil {
			t.Errorf("%q became %q: %v", pattern, to, err)
		}
	})
}

// FuzzCompile: whatever a text is, it is compiled or refused.
func FuzzCompile(f *testing.F) {
	f.Add("X if { not startswith(input.a, \"b\"); some x in input.l; x == 1 }")
	f.Add("f(x) := y if { y := [z | some z in x] }\nX := {\"allowed\": f(1)}")
	f.Add("X contains y if { every k, v in input { print(k, v) with input as 1 } } else := 1")
	f.Fuzz(func(t *testing.T, rules string) {
		p, err := Compile(Package, "package agent_policy\n"+rules)
		if err != nil {
			return
		}
		var e Engine
		e.Set(p)
		_, _ = e.Decide(t.Context(), "X", document(`{"a": "b", "l": [1]}`))
	})
}
