// SPDX-License-Identifier: Apache-2.0

package child

import "testing"

func TestIs(t *testing.T) {
	pipe := []string{"HOME=/", variable + "3"}
	for _, test := range []struct {
		name          string
		args, environ []string
		want          bool
	}{
		{"child of libcontainer", []string{"kata-agent", "init"}, pipe, true},
		{"agent", []string{"kata-agent"}, pipe, false},
		{"agent with an option", []string{"kata-agent", "--config", "init"}, pipe, false},
		{"word typed by somebody", []string{"kata-agent", "init"}, []string{"HOME=/"}, false},
		{"empty variable", []string{"kata-agent", "init"}, []string{variable}, false},
		{"empty variable in front of the pipe", []string{"kata-agent", "init"}, append([]string{variable}, pipe...), false},
		{"no name", nil, pipe, false},
	} {
		if got := Is(test.args, test.environ); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}
