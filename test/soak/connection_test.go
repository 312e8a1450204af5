// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestMemoryComesBackWithConnections looks at what the agent holds after its clients have left: one with
// 300 MiB of writes to a process that does not read, and a thousand that have made one call.
func TestMemoryComesBackWithConnections(t *testing.T) {
	const room = 32 << 10 // of one connection for writes that wait, in KiB
	a, _ := pod(t, harness.Options{})
	before := measure(t, a.Pid)
	clients := []*harness.Raw{a.Raw(t)}
	for i := range uint32(300) {
		clients[0].Request(harness.Call{Stream: 2*i + 1, Method: "WriteStdin", Request: &protocols.WriteStreamRequest{
			ContainerId: "c1", Data: make([]byte, 1<<20),
		}})
	}
	check := harness.Call{Stream: 1001, Service: "grpc.Health", Method: "Check"}
	clients[0].Request(check)
	for clients[0].Answer().Stream != check.Stream {
	}
	flooded := measure(t, a.Pid)
	if held := flooded.memory - before.memory; held > 2*room {
		t.Errorf("%d KiB held for writes that wait; want little more than %d", held, room)
	}
	for range 1000 {
		r := a.Raw(t)
		r.Request(check)
		r.Answer()
		clients = append(clients, r)
	}
	for _, r := range clients {
		r.Close()
	}
	var after usage
	back := guard.Holds(func() bool {
		after = measure(t, a.Pid)
		return after.memory <= before.memory+2*allowance && after.descriptors <= before.descriptors
	})
	t.Logf("before: %v; flooded: %v; after all have left: %v", before, flooded, after)
	if !back {
		t.Errorf("%d KiB and %d descriptors more than before", after.memory-before.memory, after.descriptors-before.descriptors)
	}
}
