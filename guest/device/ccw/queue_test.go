// SPDX-License-Identifier: Apache-2.0

package ccw

import "testing"

func TestParseQueue(t *testing.T) {
	q, err := ParseQueue("a.1F")
	if err != nil || q.String() != "0a.001f" || q.DevPath() != "/devices/ap/card0a/0a.001f" {
		t.Errorf("got %s, %s, %v", q, q.DevPath(), err)
	}
	for _, bad := range []string{"", "0a", "0a.", ".0001", "100.0001", "0a.10000", "0a.0001.1"} {
		if q, err := ParseQueue(bad); err == nil {
			t.Errorf("%q: accepted as %s", bad, q)
		}
	}
}
