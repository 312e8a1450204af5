// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestParkedWritesAreBounded floods a process that does not read its stdin: what has no room is
// refused and says why; other calls and other processes on the same connection go on.
func TestParkedWritesAreBounded(t *testing.T) {
	const writes, size, room = 300, 1 << 20, 32 << 20
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "stuck", "sleep", "10000")
	p.Session("c1", "cat", "cat")
	r := p.Raw(t)
	write := func(stream uint32, exec string, n int) {
		r.Request(harness.Call{Stream: stream, Method: "WriteStdin", Request: &protocols.WriteStreamRequest{
			ContainerId: "c1", ExecId: exec, Data: make([]byte, n),
		}})
	}
	for i := range uint32(writes) {
		write(2*i+1, "stuck", size)
	}
	for range writes - room/size {
		a := r.Answer()
		answered(t, a, a.Stream, codes.ResourceExhausted, `stdin of container "c1"`, "this connection", "full")
	}
	check(t, r, 1001)
	write(1003, "cat", 100)
	answered(t, r.Answer(), 1003, codes.OK)
	r.Request(harness.Call{Stream: 1005, Method: "SignalProcess", Request: &protocols.SignalProcessRequest{ContainerId: "c1", ExecId: "cat", Signal: 9}})
	answered(t, r.Answer(), 1005, codes.OK)
}
