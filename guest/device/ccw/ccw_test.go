// SPDX-License-Identifier: Apache-2.0

package ccw

import "testing"

func TestParse(t *testing.T) {
	for text, want := range map[string]string{"0.0.0001": "0.0.0001", "0.3.ff": "0.3.00ff", "0.1.ABCD": "0.1.abcd"} {
		if d, err := Parse(text); err != nil || d.String() != want {
			t.Errorf("%s: got %s, %v", text, d, err)
		}
	}
	for _, bad := range []string{"", "0.0", "1.0.0001", "0.4.0001", "0.0.10000", "0.0.x", "0.0.0001.0", "fe.0.0001"} {
		if d, err := Parse(bad); err == nil {
			t.Errorf("%q: accepted as %s", bad, d)
		}
	}
}
