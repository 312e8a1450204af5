// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/guest/container/stdio"
)

// ErrNoStdin says that the process's stdin is closed, or has never been there.
var ErrNoStdin = errors.New("stdin is closed")

// IO has the agent's ends of a process's streams. Its methods may be called from any
// goroutine and never block; see the stdio package for what done may do.
type IO struct {
	stdin    *stdio.Writer
	stdout   *stdio.Reader
	stderr   *stdio.Reader // nil for a terminal, whose output is all one stream
	master   *os.File      // of the terminal; nil for pipes
	closed   atomic.Bool   // stdin
	out, err flow
	lastRead atomic.Int64 // unix nanoseconds
}

// flow is how far a stream has been read.
type flow struct {
	begun atomic.Bool // somebody has asked for it
	ended atomic.Bool // and has been told its end
	drops atomic.Bool // what comes is dropped
}

// Streams are what an IO is made of. Terminal excludes the others.
type Streams struct {
	Stdin, Stdout, Stderr *os.File // the agent's ends of the pipes
	Terminal              *os.File // the pty's master
}

// Close closes what has not been taken over.
func (s Streams) Close() {
	for _, f := range []*os.File{s.Stdin, s.Stdout, s.Stderr, s.Terminal} {
		if f != nil {
			f.Close()
		}
	}
}

// NewIO takes the streams over; on error they are all closed.
func NewIO(p *stdio.Poller, s Streams) (_ *IO, err error) {
	o := &IO{}
	defer func() {
		if err != nil {
			o.Close()
			s.Close()
		}
	}()
	if s.Terminal != nil {
		o.master, s.Terminal = s.Terminal, nil
		o.stdout, o.stdin, err = p.NewTerminal(o.master)
		return o, err
	}
	if o.stdin, err = p.NewWriter(s.Stdin); err != nil {
		return nil, err
	}
	s.Stdin = nil
	if o.stdout, err = p.NewReader(s.Stdout); err != nil {
		return nil, err
	}
	s.Stdout = nil
	if o.stderr, err = p.NewReader(s.Stderr); err != nil {
		return nil, err
	}
	return o, nil
}

// ReadStdout reads once, at most n bytes; the end of the stream is (nil, io.EOF).
func (o *IO) ReadStdout(n int, done func([]byte, error)) (cancel func() bool) {
	return o.read(o.stdout, &o.out, n, done)
}

// ReadStderr is as ReadStdout. A terminal has no stderr: the stream has ended.
func (o *IO) ReadStderr(n int, done func([]byte, error)) (cancel func() bool) {
	return o.read(o.stderr, &o.err, n, done)
}

func (o *IO) read(r *stdio.Reader, f *flow, n int, done func([]byte, error)) func() bool {
	if f.drops.Load() && f.drops.Swap(false) {
		r.Keep()
	}
	return o.start(r, f, n, done)
}

// DropStdout reads as ReadStdout does. Whatever comes after that is dropped until somebody reads
// again, so that the process does not wait for a reader; dropped is told how many bytes at a time.
func (o *IO) DropStdout(n int, dropped func(int), done func([]byte, error)) (cancel func() bool) {
	return o.drop(o.stdout, &o.out, n, dropped, done)
}

// DropStderr is as DropStdout.
func (o *IO) DropStderr(n int, dropped func(int), done func([]byte, error)) (cancel func() bool) {
	return o.drop(o.stderr, &o.err, n, dropped, done)
}

func (o *IO) drop(r *stdio.Reader, f *flow, n int, dropped func(int), done func([]byte, error)) func() bool {
	cancel := o.start(r, f, n, done)
	if r != nil {
		f.drops.Store(true)
		r.Discard(dropped)
	}
	return cancel
}

// Drops tells whether output of the process is being dropped.
func (o *IO) Drops() bool { return o.out.drops.Load() || o.err.drops.Load() }

// start reads once.
func (o *IO) start(r *stdio.Reader, f *flow, n int, done func([]byte, error)) func() bool {
	if r == nil {
		done(nil, io.EOF)
		return func() bool { return false }
	}
	f.begun.Store(true)
	return r.Read(n, func(b []byte, err error) {
		if err != nil {
			f.ended.Store(true)
		}
		o.lastRead.Store(time.Now().UnixNano())
		done(b, err)
	})
}

// WriteStdin writes all of data. h, unless nil, is asked before bytes that have to wait are kept.
func (o *IO) WriteStdin(data []byte, h stdio.Holder, done func(error)) (cancel func() bool) {
	if o.stdin == nil || o.closed.Load() {
		done(ErrNoStdin)
		return func() bool { return false }
	}
	return o.stdin.Write(data, h, done)
}

// CloseStdin ends stdin after what has been written. On a terminal it does nothing: the
// end of input there is a character that the host sends, and closing the master would
// hang up the terminal and lose its output.
func (o *IO) CloseStdin() {
	if o.master == nil && o.stdin != nil && !o.closed.Swap(true) {
		o.stdin.CloseAfterWrites()
	}
}

// Terminal tells whether the process has a terminal.
func (o *IO) Terminal() bool { return o.master != nil }

func (o *IO) resize(rows, columns uint16) error {
	if o.master == nil {
		return ErrNoTerminal
	}
	return stdio.Resize(o.master, rows, columns)
}

// exited lets the streams end once they have been read empty.
func (o *IO) exited() {
	for _, r := range []*stdio.Reader{o.stdout, o.stderr} {
		if r != nil {
			r.Exited()
		}
	}
}

// unread tells whether bytes that somebody may still want are in the streams.
func (o *IO) unread() bool {
	holds := func(r *stdio.Reader, f *flow) bool { return r != nil && !f.ended.Load() && r.Unread() > 0 }
	return holds(o.stdout, &o.out) || holds(o.stderr, &o.err)
}

// untold tells whether somebody who reads has not been told the end yet.
func (o *IO) untold() bool {
	return o.out.begun.Load() && !o.out.ended.Load() || o.err.begun.Load() && !o.err.ended.Load()
}

// lastReadAt is when something was read last; zero if never.
func (o *IO) lastReadAt() time.Time {
	if n := o.lastRead.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// Close closes every stream; pending reads end.
func (o *IO) Close() {
	o.closed.Store(true)
	if o.stdin != nil {
		o.stdin.Close()
	}
	for _, r := range []*stdio.Reader{o.stdout, o.stderr} {
		if r != nil {
			r.Close()
		}
	}
	if o.master != nil {
		o.master.Close()
	}
}
