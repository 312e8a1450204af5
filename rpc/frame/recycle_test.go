// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// TestRecycle uses one message for many requests, of which none sees what another held.
func TestRecycle(t *testing.T) {
	got := make(chan protocols.WriteStreamRequest, 1)
	r := Method{
		Service: "grpc.AgentService", Name: "Async",
		New: func() protocols.Message { return &protocols.WriteStreamRequest{} },
		Async: func(c *Call, m protocols.Message) {
			q := *m.(*protocols.WriteStreamRequest)
			q.Data = []byte(string(q.Data))
			got <- q
			c.Reply(nil)
		},
		Recycle: func(m protocols.Message) {
			q := m.(*protocols.WriteStreamRequest)
			*q = protocols.WriteStreamRequest{Data: q.Data[:0]}
		},
	}
	_, path := serveMux(t, Options{Methods: []Method{r}})
	c := dial(t, path)
	for i, q := range []protocols.WriteStreamRequest{
		{ContainerId: "c", ExecId: "e", Data: []byte(strings.Repeat("x", 100))},
		{ContainerId: "d"},
		{Data: []byte("y")},
		{},
	} {
		c.call(1, "Async", &q)
		c.expect(1, codes.OK, "")
		if g := <-got; g.ContainerId != q.ContainerId || g.ExecId != q.ExecId || string(g.Data) != string(q.Data) {
			t.Errorf("request %d: %v, want %v", i, g, q)
		}
	}
	r.Bulk = true
	if _, err := NewMux(Options{Methods: []Method{r}}); err == nil {
		t.Error("a method both Bulk and recycled")
	}
}
