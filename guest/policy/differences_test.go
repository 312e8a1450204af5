// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Where OPA by itself decides otherwise than the engine that policies are written for. The numbers
// are those of the list that was made by running both.

// answerOf is what the rule X says: true, false, undefined, or error.
func answerOf(t *testing.T, rules, input string) string {
	t.Helper()
	d, err := decide(engine(t, rules), "X", input)
	switch {
	case errors.Is(err, errUndefined):
		return "undefined"
	case err != nil:
		return "error"
	}
	return fmt.Sprint(d.Allowed)
}

type difference struct{ rules, input, want string }

func wantAnswers(t *testing.T, all []difference) {
	t.Helper()
	for _, d := range all {
		if got := answerOf(t, d.rules, d.input); got != d.want {
			t.Errorf("%s with %s: %s, want %s", d.rules, d.input, got, d.want)
		}
	}
}

// TestDifference1Negation: what is undefined within a `not` makes it true.
func TestDifference1Negation(t *testing.T) {
	const f = "\nf(x) := x if x > 0\ng(x) := x if x > 1\n"
	wantAnswers(t, []difference{
		{`X if { not startswith(input.a, "b") }`, `{}`, "true"},
		{`X if { not startswith(input.a, "b") }`, `{"a": "bc"}`, "undefined"},
		{`X if { not startswith(input.a, "b") }`, `{"a": null}`, "true"},
		{`X if { not 1 in input.a }`, `{}`, "true"},
		{`X if { not 1 in input.a }`, `{"a": [1]}`, "undefined"},
		{`X if { not input.a != 1 }`, `{}`, "true"},
		{`X if { not input.a != 1 }`, `{"a": 2}`, "undefined"},
		{`X if { not count(input.a) == 0 }`, `{}`, "true"},
		{`X if { not count(input.a) == 0 }`, `{"a": []}`, "undefined"},
		{`X if { not f(input.a) }` + f, `{}`, "true"},
		{`X if { not f(g(input.a)) }` + f, `{"a": 1}`, "true"},
		{`X if { not f(g(input.a)) }` + f, `{"a": 2}`, "undefined"},
		{`X if { not regex.match("^a", input.a) }`, `{}`, "true"},
		{`X if { not regex.match("^a", input.a) }`, `{"a": "ab"}`, "undefined"},
		{`X if { not input.a[input.b] }`, `{"a": {"x": true}}`, "true"},
		{`X if { not input.a[input.b] }`, `{"a": {"x": true}, "b": "x"}`, "undefined"},
		{`X if { not count(null) == 1 }`, `{}`, "true"},
		{`X if { some x in input.l; not x == input.y }`, `{"l": [1]}`, "true"},
		{`X if { every x in input.l { not startswith(x.n, "b") } }`, `{"l": [{}, {"n": "a"}]}`, "true"},
		{`X if { every x in input.l { not startswith(x.n, "b") } }`, `{"l": [{}, {"n": "b"}]}`, "undefined"},
		{`X if { y := [1 | some x in input.l; not x.n > 1]; count(y) == 2 }`, `{"l": [{}, {"n": 1}, {"n": 2}]}`, "true"},
		{`X if { not h with input.a as 1 }` + "\nh if input.a == 1", `{}`, "undefined"},
		{`X if { not h with input.a as input.b }` + "\nh if input.a == 1", `{}`, "true"},
	})
	for _, rules := range []string{`X if { not input.l[_] == 2 }`, `X if { not input.l[i] == 2 }`, `X if { not y == 2 }`} {
		if _, err := Compile(Package, "package agent_policy\n"+rules); !errors.Is(err, ErrText) || !strings.Contains(err.Error(), "agent_policy:2: ") {
			t.Errorf("%s: %v, want a refusal with its place", rules, err)
		}
	}
}

// TestDifference2ToNumber has JSON's grammar, and blanks around it.
func TestDifference2ToNumber(t *testing.T) {
	for text, want := range map[string]string{
		"1": "true", "-1": "true", "0": "true", "1.5": "true", "1e3": "true", " 1": "true", "1 ": "true",
		"+1": "undefined", "01": "undefined", "001": "undefined", "1_0": "undefined", ".5": "undefined",
		"5.": "undefined", "": "undefined", "0x1": "undefined", "inf": "undefined", "true": "undefined", "1 2": "undefined",
	} {
		if got := answerOf(t, `X if { n := to_number(input.s); is_number(n) }`, fmt.Sprintf(`{"s": %q}`, text)); got != want {
			t.Errorf("to_number(%q): %s, want %s", text, got, want)
		}
	}
	wantAnswers(t, []difference{
		{`X if to_number(null) == 0`, `{}`, "true"}, {`X if to_number(true) == 1`, `{}`, "true"},
		{`X if to_number(" 7 ") == 7`, `{}`, "true"},
		{`X if { not to_number("01") == 1 }`, `{}`, "true"},
	})
}

// TestDifference3Regex: the classes know Unicode; what only Rust has is an error, what it refuses
// undefined.
func TestDifference3Regex(t *testing.T) {
	for _, c := range []struct{ pattern, text, want string }{
		{`^\d$`, "٣", "true"}, {`^\d$`, "3", "true"}, {`^\d$`, "x", "false"}, {`^\D$`, "٣", "false"}, {`^\D$`, "é", "true"},
		{`^\w$`, "é", "true"}, {`^\w$`, "_", "true"}, {`^\w$`, "-", "false"}, {`^\W$`, "é", "false"}, {`^\W$`, "→", "true"},
		{`^\s$`, "\u00a0", "true"}, {`^\s$`, "\v", "true"}, {`^\S$`, "\v", "false"}, {`^\s$`, "\u2003", "true"},
		{`^[\s\S]$`, "é", "true"}, {`^[\w.-]+$`, "é.a-b", "true"}, {`^[^\W]+$`, "éa", "true"}, {`^[\W]$`, "é", "false"},
		{`a$`, "a\n", "false"}, {`a$`, "ba", "true"},
		{`\bab\b`, "x ab y", "true"}, {`\bab\b`, "é ab", "error"},
		{`a(?=b)`, "ab", "undefined"}, {`a(?!b)`, "ab", "undefined"}, {`(?<=a)b`, "ab", "undefined"}, {`(a)\1`, "aa", "undefined"},
		{`(?x) a b`, "ab", "error"}, {`[a-z&&[^b]]`, "a", "error"}, {`[a--b]`, "a", "error"}, {`\<ab`, "ab", "error"},
		{`^[[a-c]x]$`, "b", "true"}, {`^[[a-c]x]$`, "x", "true"}, {`^[[a-c]x]$`, "[", "false"}, {`^[[^a]]$`, "b", "error"},
		{`^\u0041$`, "A", "true"}, {`^\u{41}$`, "A", "true"}, {`^\x41$`, "A", "true"}, {`^\U00000041$`, "A", "true"},
		{`^a++$`, "aaa", "true"}, {`^a**b$`, "b", "true"}, {`^a{2}{2}$`, "aaaa", "true"}, {`^(ab)++$`, "abab", "true"}, {`^a+?$`, "aa", "true"},
		{`^a{1001}$`, "a", "error"}, {`^a{1000}$`, "a", "false"},
		{`^\p{Script=Greek}$`, "α", "true"}, {`^\p{Greek}$`, "α", "true"}, {`^\pL$`, "α", "true"}, {`^\p{Alphabetic}$`, "α", "error"},
		{`\Qa.b\E`, "a.b", "undefined"}, {`a{,3}`, "a{,3}", "undefined"}, {`^{a}$`, "{a}", "undefined"}, {`a{x}`, "a{x}", "undefined"},
		{`(`, "(", "undefined"}, {`a)`, "a)", "undefined"}, {`[a`, "a", "undefined"}, {`*a`, "a", "undefined"}, {`[z-a]`, "b", "undefined"},
		{`^(?i)ab$`, "AB", "true"}, {`^(?i:a)b$`, "Ab", "true"}, {`^(?P<n>a)$`, "a", "true"}, {`^(?<n>a)$`, "a", "true"},
		{`^\.\-\/$`, ".-/", "true"}, {`^[[:alpha:]]$`, "a", "true"}, {`^[]a]$`, "]", "true"}, {`^é|ü$`, "é", "true"},
		{`^[a-f0-9]{64}$`, strings.Repeat("0a", 32), "true"},
	} {
		input := fmt.Sprintf(`{"p": %s, "s": %s}`, quoted(c.pattern), quoted(c.text))
		rules := "X := v if { v := regex.match(input.p, input.s) }"
		if got := answerOf(t, rules, input); got != c.want {
			t.Errorf("regex.match(%q, %q): %s, want %s", c.pattern, c.text, got, c.want)
		}
		negated := map[string]string{"true": "undefined", "false": "true", "undefined": "true", "error": "error"}[c.want]
		if got := answerOf(t, "X if { not regex.match(input.p, input.s) }", input); got != negated {
			t.Errorf("not regex.match(%q, %q): %s, want %s", c.pattern, c.text, got, negated)
		}
	}
	wantAnswers(t, []difference{
		{`X if regex.replace("a٣b", "\\d", "x") == "axb"`, `{}`, "true"},
		{`X if regex.split("\\s", "a\u00a0b") == ["a", "b"]`, `{}`, "true"},
		{`X if regex.find_all_string_submatch_n("(\\w)=(\\w)", "é=a", -1) == [["é=a", "é", "a"]]`, `{}`, "true"},
		{`X := regex.is_valid("a(?=b)")`, `{}`, "false"},
		{`X := regex.is_valid("a")`, `{}`, "true"},
		{`X := regex.is_valid("(?x)a")`, `{}`, "error"},
	})
}

func quoted(s string) string {
	var b strings.Builder
	writeQuoted(&b, s)
	return b.String()
}

// TestDifference4Operands: an operator on what it has no meaning for is an error, and stays one
// within a `not`.
func TestDifference4Operands(t *testing.T) {
	for _, body := range []string{
		`some x in input.n`, `some x in input.s`, `some x in input.i`, `some i, x in input.n`, `some x in input.b`,
		`y := input.n - 1`, `y := ["x"] - ["x"]`, `y := "a" + "b"`, `y := 5 % 2.5`, `y := input.s * 2`,
		`y := input.i / "1"`, `y := {1} | [2]`, `y := input.o & {1}`, `input.s + 1 == 2`,
	} {
		input := `{"n": null, "s": "text", "i": 7, "b": true, "o": {}}`
		if got := answerOf(t, "X if { "+body+" }", input); got != "error" {
			t.Errorf("%s: %s, want an error", body, got)
		}
		if got := answerOf(t, "X if { not helper }\nhelper if { "+body+" }", input); got != "error" {
			t.Errorf("not %s: %s, want an error", body, got)
		}
	}
	wantAnswers(t, []difference{
		{`X if { some x in input.l; x == 2 }`, `{"l": [1, 2]}`, "true"},
		{`X if { some x in input.l; x == 2 }`, `{"l": {"a": 2}}`, "true"},
		{`X if { some k, x in input.l; k == "a"; x == 2 }`, `{"l": {"a": 2}}`, "true"},
		{`X if { some x in input.none; x == 2 }`, `{}`, "undefined"},
		{`X if { some x in {1, 2}; x == 2 }`, `{}`, "true"},
		{`X if { every x in input.l { x == 2 } }`, `{"l": null}`, "undefined"},
		{`X if { every x in input.none { x == 2 } }`, `{}`, "undefined"},
		{`X if { y := 1 / input.z; y }`, `{"z": 0}`, "undefined"},
		{`X if { y := 1 % input.z; y }`, `{"z": 0}`, "undefined"},
		{`X if { {1, 2} - {2} == {1}; {1} | {2} == {1, 2}; {1, 2} & {2} == {2} }`, `{}`, "true"},
		{`X if 7 % 4 == 3`, `{}`, "true"},
		{`X if -7 % 4 == -3`, `{}`, "true"},
		{`X if { not input.n.a.b }`, `{"n": null}`, "true"},
	})
}

// TestDifference5Texts: units of UTF-16, full case mappings, an empty text to look for.
func TestDifference5Texts(t *testing.T) {
	wantAnswers(t, []difference{
		{`X if count("😀") == 2`, `{}`, "true"}, {`X if count("é") == 1`, `{}`, "true"}, {`X if count([1, 2]) == 2`, `{}`, "true"},
		{`X if upper("straße") == "STRASSE"`, `{}`, "true"}, {`X if upper("aé") == "AÉ"`, `{}`, "true"}, {`X if upper("ﬃ") == "FFI"`, `{}`, "true"},
		{`X if lower("İ") == "i̇"`, `{}`, "true"}, {`X if lower("ΑΣ Σ") == "ας σ"`, `{}`, "true"}, {`X if lower("ABC") == "abc"`, `{}`, "true"},
		{`X if indexof("abc", "") == 0`, `{}`, "true"}, {`X if indexof("", "") == -1`, `{}`, "true"}, {`X if indexof("abc", "c") == 2`, `{}`, "true"},
	})
	// An object on the left of := would match in another way: it is refused.
	_, err := Compile(Package, "package agent_policy\nX if { {\"a\": v} := input; v == 1 }")
	if !errors.Is(err, ErrText) || !strings.Contains(err.Error(), ":2: an object pattern") {
		t.Errorf("an object pattern: %v, want a refusal", err)
	}
}

// TestDifference6Numbers: whole numbers are exact, others floating point, written in the shortest way.
func TestDifference6Numbers(t *testing.T) {
	wantAnswers(t, []difference{
		{`X if 1 == 1.0`, `{}`, "true"},
		{`X if input.n == 18446744073709551615`, `{"n": 18446744073709551615}`, "true"},
		{`X if input.n == 9007199254740993`, `{"n": 9007199254740993}`, "true"},
		{`X if input.n == 9007199254740993`, `{"n": 9007199254740992}`, "undefined"},
		{`X if 9007199254740993 + 1 == 9007199254740994`, `{}`, "true"},
		{`X if 1 - 0.9 == 0.09999999999999998`, `{}`, "true"},
		{`X if 0.1 + 0.2 == 0.30000000000000004`, `{}`, "true"},
		{`X if 6 / 3 == 2`, `{}`, "true"}, {`X if 1 / 4 == 0.25`, `{}`, "true"}, {`X if 3 * 1.5 == 4.5`, `{}`, "true"},
		{`X if 4294967296 * 4294967296 == 18446744073709551616`, `{}`, "true"},
		{`X if json.marshal({"b": 1.0, "a": [1e3, 1.50], "c": {2, 1}}) == "{\"a\":[1000,1.5],\"b\":1,\"c\":[1,2]}"`, `{}`, "true"},
		{`X if json.marshal("<>&\u0001\n") == "\"<>&\\u0001\\n\""`, `{}`, "true"},
	})
}

// TestDifference7Sprintf formats with the verbs there are.
func TestDifference7Sprintf(t *testing.T) {
	for _, c := range []struct{ format, args, want string }{
		{"%s-%s", `["a", "b"]`, "a-b"}, {"%s", `[5]`, "5"}, {"%v", `[{"a": [1, "x"]}]`, `{"a": [1, "x"]}`}, {"%%", `[]`, "%"},
		{"%d", `[5]`, "5"}, {"%5d|", `[5]`, "    5|"}, {"%05d", `[5]`, "00005"}, {"%d", `[-5]`, "-5"}, {"%x", `[255]`, "ff"}, {"%X", `[255]`, "FF"},
		{"%o", `[8]`, "0O10"}, {"%b", `[5]`, "101"}, {"%f", `[1.5]`, "1.5"}, {"%.2f", `[1.567]`, "1.57"}, {"%e", `[1.5]`, "1.5e0"}, {"%c", `[65]`, "A"},
		{"%t", `[true]`, ""}, {"%d", `["x"]`, ""}, {"%v", `[{1}]`, "{1}"}, {"%v", `[set()]`, "{}"},
	} {
		if got := answerOf(t, fmt.Sprintf(`X if sprintf(%q, %s) == %q`, c.format, c.args, c.want), `{}`); got != "true" {
			t.Errorf("sprintf(%q, %s) is not %q: %s", c.format, c.args, c.want, got)
		}
	}
	for _, call := range []string{`"%s", []`, `"a", [1]`, `"%d", [1.5]`, `"%q", ["a"]`, `"%", [1]`, `"%T", ["a"]`, `"%t", [1]`, `"%5.2f", [1]`} {
		if got := answerOf(t, `X if sprintf(`+call+`)`, `{}`); got != "undefined" {
			t.Errorf("sprintf(%s): %s, want undefined", call, got)
		}
	}
}

// TestDifference8to10Refused has documents that are refused when they are loaded, with the place,
// where the other engine fails at the first request, or only one of the two takes them.
func TestDifference8to10Refused(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, text := range map[string]string{
		"an unsafe variable":           "X if { y == 1 }",
		"an unknown function":          "X if { nothing(1) }",
		"a recursion":                  "X if { Y }\nY if { X }",
		"a function that calls itself": "f(x) := f(x)\nX if f(1)",
		"a variable used before":       "X if { y == 1; y := 2 }",
		"a variable declared twice":    "X if { y := 1; y := 2 }",
		"a rule named as a keyword":    "contains := true",
		"a rule and a function":        "X := 1\nX(y) := y",
		"a wrong number of arguments":  "f(x) := x\nX if f(1, 2)",
		"a wildcard that is printed":   "X if { print(input.l[_][q]) }",
		"no rule at all":               "X if {",
		"the syntax before version 1":  "X { true }",
		"a line that is too long":      "X if input.a == \"" + long + "\"",
		"brackets nested too deep":     "X := " + strings.Repeat("[", 200) + strings.Repeat("]", 200),
		"a template":                   "X if { $\"a{input.b}\" == \"ab\" }",
		"any":                          "X if any([true])",
		"re_match":                     "X if re_match(\"a\", \"a\")",
		"http.send":                    "X if http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1\"})",
		"opa.runtime":                  "X if opa.runtime().env",
		"net.lookup_ip_addr":           "X if net.lookup_ip_addr(\"localhost\")",
		"net.cidr_contains":            "X if net.cidr_contains(\"10.0.0.0/8\", \"10.0.0.1\")",
		"time.now_ns":                  "X if time.now_ns() > 0",
		"rand.intn":                    "X if rand.intn(\"a\", 5) == 1",
		"uuid.rfc4122":                 "X if uuid.rfc4122(\"a\")",
		"crypto.sha256":                "X if crypto.sha256(\"a\")",
		"io.jwt.decode":                "X if io.jwt.decode(\"a\")",
		"glob.match":                   "X if glob.match(\"a\", [], \"a\")",
		"semver.compare":               "X if semver.compare(\"1.0.0\", \"1.0.0\") == 0",
		"yaml.marshal":                 "X if yaml.marshal(1)",
		"rego.parse_module":            "X if rego.parse_module(\"a\", \"b\")",
		"json.patch":                   "X if json.patch({}, [])",
		"the function made for `some`": "X if nothing.internal_kata()",
	} {
		_, err := Compile(Package, "package agent_policy\n"+text+"\n")
		if !errors.Is(err, ErrText) || !strings.Contains(err.Error(), "agent_policy:") {
			t.Errorf("%s: %v, want a refusal with its place", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %q", name, err)
		}
	}
	for name, text := range map[string]string{
		"a byte order mark": "\ufeffpackage agent_policy\n", "nothing": "", "another package": "package other\nX := true\n",
		"too many lines": "package agent_policy\n" + strings.Repeat("\n", maxLines), "too many bytes": strings.Repeat("#", maxText+1),
	} {
		if _, err := Compile(Package, text); !errors.Is(err, ErrText) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	for name, text := range map[string]string{
		"a long comment":    "package agent_policy\n# " + long + long + "\nX := true",
		"Windows lines":     "package agent_policy\r\nX if {\r\n\ttrue\r\n}\r\n",
		"old imports":       "package agent_policy\nimport rego.v1\nX := true",
		"future keywords":   "package agent_policy\nimport future.keywords.in\nimport future.keywords.every\nX if 1 in [1]",
		"metadata":          "package agent_policy\n# METADATA\n# title: x\nX := true",
		"two defaults":      "package agent_policy\ndefault X := true\ndefault X := false\ndefault Y := false",
		"an index not used": "package agent_policy\nX if { some i; some j, k; [k] = [1]; k == 1 }",
		"unused locals":     "package agent_policy\nf(x, y) := x\nX if { z := 1; f(true, 2) }",
		"types that differ": "package agent_policy\nX if { not \"s\" == 1; not count(1) == 2; not [1][5] }",
	} {
		p, err := Compile(Package, text)
		if err != nil {
			t.Errorf("%s: %v, want no error", name, err)
			continue
		}
		e := &Engine{}
		e.Set(p)
		if d, err := decide(e, "X", "{}"); err != nil || !d.Allowed {
			t.Errorf("%s: %+v, %v; want true", name, d, err)
		}
	}
}

// TestDifference12Conflicts: two values of one rule are an error.
func TestDifference12Conflicts(t *testing.T) {
	wantAnswers(t, []difference{
		{"X := true if input.a\nX := false if input.b", `{"a": true, "b": true}`, "error"},
		{"X := true if input.a\nX := false if input.b", `{"a": true}`, "true"},
		{"X if f(1) == 1\nf(x) := 1 if input.a\nf(x) := 2 if input.b", `{"a": true, "b": true}`, "error"},
		{"X := true if input.a else := false", `{}`, "false"},
		{"default X := false\nX if input.a", `{}`, "false"},
		{"X if {\n\tinput.a == 1 with input as {\"a\": 1}\n}", `{}`, "true"},
		{"X if s[1]\ns contains 1", `{}`, "true"},
	})
}

// TestDifferencePrints: texts of a denial, each with its place, in the way values are printed.
func TestDifferencePrints(t *testing.T) {
	e := engine(t, `X if {
	print("a", 1.0, {"k": ["v\u0001"]}, set(), input.none, "q\"")
	print({2, 1}, true, null)
	false
}
default X := false`)
	d, err := decide(e, "X", `{}`)
	want := []string{
		`agent_policy:4: a 1 {"k": ["v\u0001"]} {} <undefined> q"`,
		`agent_policy:5: {1, 2} true null`,
	}
	if err != nil || d.Allowed || fmt.Sprint(d.Prints) != fmt.Sprint(want) {
		t.Errorf("%q, %v; want %q", d.Prints, err, want)
	}
	// Those of an evaluation that failed do not appear in another one.
	e = engine(t, "X if { print(\"kept\"); input.n + 1 == 2 }\ndefault Y := false")
	if _, err := decide(e, "X", `{"n": null}`); err == nil {
		t.Error("no error of the operand")
	}
	if d, err := decide(e, "Y", `{}`); err != nil || len(d.Prints) != 0 {
		t.Errorf("prints %q, %v; want none", d.Prints, err)
	}
}

// TestPrintsAreBounded: an answer that is too large would end the host's connection.
func TestPrintsAreBounded(t *testing.T) {
	e := engine(t, `default X := false
X if { every i in numbers.range(1, 20000) { print(i, input.text) }; false }`)
	d, err := decide(e, "X", fmt.Sprintf(`{"text": %q}`, strings.Repeat("é", 5000)))
	if err != nil || d.Allowed || len(d.Prints) == 0 {
		t.Fatalf("%d prints, %v, %v", len(d.Prints), d.Allowed, err)
	}
	if n := len(strings.Join(d.Prints, " ")); n > 300<<10 {
		t.Errorf("%d bytes of prints, want at most 300 KiB", n)
	}
}
