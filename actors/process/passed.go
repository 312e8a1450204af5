// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
)

// ErrPassed says that requests cannot read or write a stream: it is passed to a connection
// of the host.
var ErrPassed = errors.New("is passed to a port of the host")

func passedError(stream string) error { return fmt.Errorf("%s %w", stream, ErrPassed) }

// ErrLost says that what a process has written and nobody has read is gone: it was in the memory of an agent
// that has died, or in a pipe or terminal that has ended with it.
var ErrLost = errors.New("was lost: the agent was restarted")

func lose(done func([]byte, error), stream string) (cancel func() bool) {
	done(nil, fmt.Errorf("%s %w", stream, ErrLost))
	return func() bool { return false }
}

// refuse answers a read of a passed stream.
func refuse(done func([]byte, error), stream string) (cancel func() bool) {
	done(nil, passedError(stream))
	return func() bool { return false }
}

// Streams are what an IO is made of.
type Streams struct {
	Pipes stdio.Files // the agent's ends; none for a terminal
	// Passed are the host's connections that take the place of requests.
	Passed passfd.Claimed
	// Inherited says that another agent had the streams before. Of stdout and stderr those that have no pipe
	// any more are lost.
	Inherited bool
}

// Close closes what has not been taken over.
func (s Streams) Close() {
	s.Pipes.Close()
	s.Passed.Close()
}

// passed has the relays of the streams that are passed to the host; nil of the others.
type passed struct{ stdin, stdout, stderr *passfd.Relay }

// outputs are the relays of stdout and stderr.
func (p *passed) outputs() [2]*passfd.Relay { return [2]*passfd.Relay{p.stdout, p.stderr} }

func (p *passed) close() {
	for _, r := range []*passfd.Relay{p.stdin, p.stdout, p.stderr} {
		if r != nil {
			r.Close()
		}
	}
}

// passPipes makes the relays of pipes, which it takes out of s.
func (o *IO) passPipes(p *stdio.Poller, s *Streams) (err error) {
	if s.Passed.Stdin != nil {
		if o.passed.stdin, err = passfd.FromHost(p, s.Passed.Stdin, s.Pipes[0], false); err != nil {
			return err
		}
		s.Passed.Stdin, s.Pipes[0] = nil, nil
	}
	if s.Passed.Stdout != nil {
		if o.passed.stdout, err = passfd.ToHost(p, s.Pipes[1], s.Passed.Stdout, false); err != nil {
			return err
		}
		s.Passed.Stdout, s.Pipes[1] = nil, nil
	}
	if s.Passed.Stderr != nil {
		if o.passed.stderr, err = passfd.ToHost(p, s.Pipes[2], s.Passed.Stderr, false); err != nil {
			return err
		}
		s.Passed.Stderr, s.Pipes[2] = nil, nil
	}
	return nil
}

// passTerminal puts relays in the place of the terminal's reader and writer. What the host
// has connected for stderr, which a terminal does not have, is closed.
func (o *IO) passTerminal(p *stdio.Poller, c *passfd.Claimed) (err error) {
	if c.Stdin != nil {
		if o.passed.stdin, err = passfd.FromHost(p, c.Stdin, o.master, true); err != nil {
			return err
		}
		o.stdin.Close()
		o.stdin, c.Stdin = nil, nil
	}
	if c.Stdout != nil {
		if o.passed.stdout, err = passfd.ToHost(p, o.master, c.Stdout, true); err != nil {
			return err
		}
		o.stdout.Close()
		o.stdout, c.Stdout = nil, nil
	}
	c.Close()
	c.Stderr = nil
	return nil
}

// flush calls flushed for each of the n streams whose output is not on its way to the host yet,
// when it is.
func (o *IO) flush(flushed func()) (n int) {
	for _, r := range o.passed.outputs() {
		if r != nil && !r.Flushed(flushed) {
			n++
		}
	}
	return n
}

// passes calls over for each of the n outputs that are still being passed, when it has ended.
func (o *IO) passes(over func()) (n int) {
	for _, r := range o.passed.outputs() {
		if r != nil && !r.Over(over) {
			n++
		}
	}
	return n
}
