// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const value = "hunter2"

// TestNothingIsShown prints secrets in every way there is, alone and within other values.
func TestNothingIsShown(t *testing.T) {
	type inner struct {
		T Text
		E Environment
		M map[string]Text
	}
	text, environ := Text(value), Environment{"PASSWORD=" + value, value, "\x00" + value + "=x", "=" + value}
	whole := &inner{text, environ, map[string]Text{"k": text}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10.3s", "%t"} {
		for _, v := range []any{text, &text, environ, whole, *whole, []Text{text}, [1]Text{text}} {
			args := []any{v}
			if strings.HasPrefix(verb, "%T") {
				args = []any{v, v}
			}
			if got := fmt.Sprintf(verb, args...); strings.Contains(got, value) || strings.Contains(got, fmt.Sprintf("%x", value)) {
				t.Errorf("%s of %T: %s", verb, v, got)
			}
		}
	}
	for _, v := range []any{text, environ, whole} {
		data, err := json.Marshal(v)
		if err != nil || strings.Contains(string(data), value) || !strings.Contains(string(data), "redacted") {
			t.Errorf("JSON of %T: %s, %v", v, data, err)
		}
	}
	if err := fmt.Errorf("of %v: %w", environ, errors.New("x")); strings.Contains(err.Error(), value) {
		t.Error(err)
	}
	if got, want := environ.String(), "[PASSWORD="+Redacted+" "+Redacted+" "+Redacted+" ="+Redacted+"]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
