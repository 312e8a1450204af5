// SPDX-License-Identifier: Apache-2.0

package script

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "with blank.json")
	if err := os.WriteFile(file, []byte(`{"x":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		line  string
		words []Word
		json  string
	}{
		{line: "Check"},
		{line: "  Check   "},
		{line: `Check json://{}`, json: "{}"},
		{line: `Check json://{"a": "b c"}`, json: `{"a": "b c"}`},
		{line: `Check {"a": 1}`, json: `{"a": 1}`},
		{line: `Check json://{"a": "http://x"}`, json: `{"a": "http://x"}`},
		{line: `Check file://` + file, json: `{"x":1}`},
		{line: `X foo=bar baz="hello world" x=3 y='a "cat"'`, words: []Word{{"foo", "bar"}, {"baz", "hello world"}, {"x", "3"}, {"y", `a "cat"`}}},
		{line: `X a= b==`, words: []Word{{"a", ""}, {"b", "="}}},
		{line: `X r={"Memory": {"Limit": 5}} c=d`, words: []Word{{"r", `{"Memory": {"Limit": 5}}`}, {"c", "d"}}},
		{line: `X spec=file:///c.json cid=1`, words: []Word{{"spec", "file:///c.json"}, {"cid", "1"}}},
		{line: `X cid=1 json://{"a":2}`, words: []Word{{"cid", "1"}}, json: `{"a":2}`},
	}
	for _, c := range cases {
		l, err := Parse(c.line)
		if err == nil {
			err = l.arguments()
		}
		if err != nil || !reflect.DeepEqual(l.Words, c.words) || string(l.JSON) != c.json {
			t.Errorf("%s: %q, %s, %v, want %v and %v", c.line, l.Words, l.JSON, err, c.words, c.json)
		}
	}
}

func TestArgumentsRefuses(t *testing.T) {
	for line, mention := range map[string]string{
		"X word":             `"word"`,
		"X =value":           `"=value"`,
		`X a="b`:             "no closing",
		"X file:///not/here": "not/here",
	} {
		l, err := Parse(line)
		if err == nil {
			err = l.arguments()
		}
		if err == nil || !strings.Contains(err.Error(), mention) {
			t.Errorf("%s: %v, want an error with %q", line, err, mention)
		}
	}
}

func TestArgumentsOfAShell(t *testing.T) {
	l, err := Arguments("X", []string{"a=b c", `{"d": 1}`})
	if err == nil {
		err = l.arguments()
	}
	if err != nil || len(l.Words) != 1 || l.Words[0] != (Word{"a", "b c"}) || string(l.JSON) != `{"d": 1}` {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := Arguments("X", []string{"word"}); err == nil {
		t.Error("a word is taken")
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "1000": time.Microsecond, "5s": 5 * time.Second, "2ms": 2 * time.Millisecond,
		"10 sec": 10 * time.Second, "1m 30s": 90 * time.Second, "1min": time.Minute, "2 hours": 2 * time.Hour,
		"3 minutes": 3 * time.Minute, " 1 second ": time.Second, "7usec": 7 * time.Microsecond,
	} {
		if got, err := Duration(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "x", "-1", "-5s", "5 parsecs"} {
		if got, err := Duration(in); err == nil {
			t.Errorf("%q is taken as %v", in, got)
		}
	}
}

func TestSignal(t *testing.T) {
	for in, want := range map[string]int{"9": 9, "KILL": 9, "SIGTERM": 15, "usr1": 10, "sigwinch": 28, "0": 0, "64": 64} {
		if got, err := Signal(in); err != nil || got != want {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "SIG", "NONE", "-1", "65"} {
		if got, err := Signal(in); err == nil {
			t.Errorf("%q is taken as %d", in, got)
		}
	}
}
