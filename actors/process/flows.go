// SPDX-License-Identifier: Apache-2.0

package process

import (
	"time"

	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
)

// Flows says what has gone through the streams of a process.
type Flows struct {
	Stdin, Stdout, Stderr uint64 // bytes: given for stdin, taken from the others
	// Passed streams go by connections of their own and not by requests.
	Passed bool
	// Reads is how many reads wait for output.
	Reads int
	// Quiet is for how long nothing has been read; since the agent's start if nothing ever was.
	Quiet time.Duration
}

// Flows may be called from any goroutine.
func (o *IO) Flows() Flows {
	f := Flows{
		Stdin: o.in.Load(), Stdout: o.out.bytes.Load(), Stderr: o.err.bytes.Load(),
		Quiet: time.Since(epoch) - time.Duration(o.lastRead.Load()),
	}
	o.each(func(r *stdio.Reader, _ *flow) { f.Reads += r.Waiting() })
	for _, p := range []struct {
		relay *passfd.Relay
		bytes *uint64
	}{{o.passed.stdin, &f.Stdin}, {o.passed.stdout, &f.Stdout}, {o.passed.stderr, &f.Stderr}} {
		if p.relay != nil {
			*p.bytes, f.Passed = p.relay.Moved(), true
		}
	}
	return f
}

// Unread is how many bytes of output wait to be read. It can be held up by a writer, as read(2) can.
func (o *IO) Unread() (stdout, stderr int) {
	if o.stdout != nil {
		stdout = o.stdout.Left().Unread
	}
	if o.stderr != nil {
		stderr = o.stderr.Left().Unread
	}
	return stdout, stderr
}
