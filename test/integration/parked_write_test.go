// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestParkedWritesAreBounded floods processes that do not read their stdin: what has no room is
// refused and says why. One of them does not take the room of others, and all together not what a
// process needs that is slow for a moment; other calls on the same connection go on.
func TestParkedWritesAreBounded(t *testing.T) {
	const writes, size, ofOne, ofAll = 300, 1 << 20, 8 << 20, 32 << 20
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "cat", "sh", "-c", "until [ -e /dev/shm/go ]; do sleep 0.1; done; exec cat > /dev/null")
	r := p.Raw(t)
	write := func(stream uint32, exec string, n int) {
		r.Request(harness.Call{Stream: stream, Method: "WriteStdin", Request: &protocols.WriteStreamRequest{
			ContainerId: "c1", ExecId: exec, Data: make([]byte, n),
		}})
	}
	stream := uint32(1)
	for i := range ofAll / ofOne {
		stuck := fmt.Sprint("stuck", i)
		p.Session("c1", stuck, "sleep", "10000")
		for range writes {
			write(stream, stuck, size)
			stream += 2
		}
		for range writes - ofOne/size {
			a := r.Answer()
			answered(t, a, a.Stream, codes.ResourceExhausted, `stdin of container "c1"`, "one process", "full")
		}
	}
	p.Session("c1", "stuck", "sleep", "10000")
	write(5001, "stuck", size)
	answered(t, r.Answer(), 5001, codes.ResourceExhausted, `stdin of container "c1"`, "this connection", "full")
	write(5003, "cat", 64<<10) // fills the pipe
	answered(t, r.Answer(), 5003, codes.OK)
	write(5005, "cat", 64<<10) // has to wait
	p.Output("c1", "go", "touch", "/dev/shm/go")
	answered(t, r.Answer(), 5005, codes.OK)
	check(t, r, 6001)
	write(6003, "cat", 100)
	answered(t, r.Answer(), 6003, codes.OK)
	r.Request(harness.Call{Stream: 6005, Method: "SignalProcess", Request: &protocols.SignalProcessRequest{ContainerId: "c1", ExecId: "cat", Signal: 9}})
	answered(t, r.Answer(), 6005, codes.OK)
}
