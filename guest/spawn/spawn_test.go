// SPDX-License-Identifier: Apache-2.0

package spawn_test

import (
	"testing"
)

func TestHello(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	out, err := run(t, h, c.request("echo", "hi"))
	if err != nil || out != "hi\n" {
		t.Fatalf("%q %v", out, err)
	}
}
