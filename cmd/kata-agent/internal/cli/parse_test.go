// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		args string
		want Invocation
	}{
		{"", Invocation{}},
		{"--version", Invocation{Action: Version}},
		{"-version", Invocation{Action: Version}},
		{"-v", Invocation{Action: Version}},
		{"-v --help", Invocation{Action: Version}},
		{"--help", Invocation{Action: Help}},
		{"-h", Invocation{Action: Help}},
		{"--config /a.toml", Invocation{ConfigFile: "/a.toml"}},
		{"--config=/a.toml", Invocation{ConfigFile: "/a.toml"}},
		{"--config=/a=b.toml", Invocation{ConfigFile: "/a=b.toml"}},
		{"-c /a.toml", Invocation{ConfigFile: "/a.toml"}},
		{"-c=/a.toml", Invocation{ConfigFile: "/a.toml"}},
		{"-c /a.toml --config /b.toml", Invocation{ConfigFile: "/b.toml"}},
		{"-c --version", Invocation{ConfigFile: "--version"}},
		{"init", Invocation{Action: Init}},
		{"init --anything", Invocation{Action: Init}},
	} {
		for _, asInit := range []bool{false, true} {
			got, err := Parse(strings.Fields(tc.args), asInit)
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%q (as init %v) = %+v, %v, want %+v", tc.args, asInit, got, err, tc.want)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for args, reason := range map[string]string{
		"--unknown":         `unknown argument "--unknown"`,
		"word":              `unknown argument "word"`,
		"--version --bad":   `unknown argument "--bad"`,
		"--version=1":       "takes no value",
		"--config":          "--config needs the name of a file",
		"-c":                "-c needs the name of a file",
		"--config=":         "--config needs the name of a file",
		"--config /a init":  `unknown argument "init"`,
		"--configuration=a": "unknown argument",
	} {
		_, err := Parse(strings.Fields(args), false)
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want a usage error with %q", args, err, reason)
		}
	}
}

func TestParseAsInitRefusesNothing(t *testing.T) {
	got, err := Parse([]string{"splash", "--config", "/a", "-x", "--version=1", "-c"}, true)
	want := Invocation{ConfigFile: "/a", Ignored: []string{"splash", "-x", "--version=1", "-c"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestVersionLine(t *testing.T) {
	for want, features := range map[string][]string{
		"kata-agent version 4.2.0 (api version: 0.0.1, commit version: abc, type: go, extra-features: [])":                    nil,
		`kata-agent version 4.2.0 (api version: 0.0.1, commit version: abc, type: go, extra-features: ["policy", "seccomp"])`: {"policy", "seccomp"},
	} {
		if got := VersionLine("4.2.0", "abc", features); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
