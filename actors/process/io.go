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

// ErrFull says that the process has not read so much input that no more can wait.
var ErrFull = stdio.ErrFull

// IO has the agent's ends of a process's streams. Its methods may be called from any
// goroutine and never block; see the stdio package for what done may do.
type IO struct {
	stdin    *stdio.Writer // nil if it is passed, as the two others
	stdout   *stdio.Reader
	stderr   *stdio.Reader // nil for a terminal too, whose output is all one stream
	passed   passed
	master   *os.File      // of the terminal; nil for pipes
	closed   atomic.Bool   // stdin
	lost     bool          // what is not here of the output was lost with another agent
	in       atomic.Uint64 // bytes given for stdin
	out, err flow
	lastRead atomic.Int64 // nanoseconds since epoch; 0 if nothing was read yet
}

// epoch is what times are counted from: the clock of the guest can be set meanwhile, and
// only differences of times of one process do not see it.
var epoch = time.Now()

// flow is how far a stream has been read.
type flow struct {
	begun atomic.Bool // somebody has asked for it
	ended atomic.Bool // and has been told its end
	drops atomic.Bool // what comes is dropped
	bytes atomic.Uint64

	dropped bool // it is drained; only the actor knows
}

// NewIO takes over the streams, with pipes or, unless it is nil, the master of a terminal, which
// has no pipes beside it. On error they are all closed.
func NewIO(p *stdio.Poller, s Streams, terminal *os.File) (_ *IO, err error) {
	o := &IO{master: terminal, lost: s.Inherited}
	defer func() {
		if err != nil {
			o.Close()
			s.Close()
		}
	}()
	if terminal != nil {
		if o.stdout, o.stdin, err = p.NewTerminal(terminal); err == nil {
			err = o.passTerminal(p, &s.Passed)
		}
		return o, err
	}
	if err = o.passPipes(p, &s); err != nil {
		return nil, err
	}
	return o, o.openPipes(p, &s.Pipes)
}

// openPipes has requests read and write the pipes, which it takes out of f.
func (o *IO) openPipes(p *stdio.Poller, f *stdio.Files) (err error) {
	if f[0] != nil {
		if o.stdin, err = p.NewWriter(f[0]); err != nil {
			return err
		}
		f[0] = nil
	}
	if f[1] != nil {
		if o.stdout, err = p.NewReader(f[1]); err != nil {
			return err
		}
		f[1] = nil
	}
	if f[2] != nil {
		if o.stderr, err = p.NewReader(f[2]); err != nil {
			return err
		}
		f[2] = nil
	}
	return nil
}

// Stream is what is told of the bytes of each read that are passed on, and gets back those that cannot
// be; see stdio.Reader.
type Stream interface {
	Kept() (token int64)
	Sent(token int64)
	Returned(token int64, data []byte)
	Refused(data []byte)
}

// Stdout is the stream that ReadStdout reads; nil if the process does not have it.
func (o *IO) Stdout() Stream { return streamOf(o.stdout) }

// Stderr is as Stdout.
func (o *IO) Stderr() Stream { return streamOf(o.stderr) }

func streamOf(r *stdio.Reader) Stream {
	if r == nil {
		return nil
	}
	return r
}

// ReadStdout reads once, at most n bytes; the end of the stream is (nil, io.EOF).
func (o *IO) ReadStdout(n int, done func([]byte, error)) (cancel func() bool) {
	if o.passed.stdout != nil {
		return refuse(done, "stdout")
	}
	if o.lost && o.stdout == nil {
		return lose(done, "stdout")
	}
	return o.read(o.stdout, &o.out, n, done)
}

// ReadStderr is as ReadStdout. A terminal has no stderr: the stream has ended.
func (o *IO) ReadStderr(n int, done func([]byte, error)) (cancel func() bool) {
	if o.passed.stderr != nil {
		return refuse(done, "stderr")
	}
	if o.lost && o.stderr == nil {
		return lose(done, "stderr")
	}
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
		if err != nil && !errors.Is(err, stdio.ErrCanceled) {
			f.ended.Store(true)
		}
		f.bytes.Add(uint64(len(b)))
		o.lastRead.Store(int64(time.Since(epoch)))
		done(b, err)
	})
}

// WriteStdin writes all of data. h, unless nil, is asked before bytes that have to wait are kept.
func (o *IO) WriteStdin(data []byte, h stdio.Holder, done func(error)) (cancel func() bool) {
	if o.passed.stdin != nil {
		done(passedError("stdin"))
		return func() bool { return false }
	}
	if o.stdin == nil || o.closed.Load() {
		done(ErrNoStdin)
		return func() bool { return false }
	}
	o.in.Add(uint64(len(data)))
	return o.stdin.Write(data, h, done)
}

// CloseStdin ends stdin after what has been written. On a terminal it does nothing: the
// end of input there is a character that the host sends, and closing the master would
// hang up the terminal and lose its output.
func (o *IO) CloseStdin() {
	if o.master != nil || o.closed.Swap(true) {
		return
	}
	if o.stdin != nil {
		o.stdin.CloseAfterWrites()
	} else if o.passed.stdin != nil {
		o.passed.stdin.CloseWhenEmpty()
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
	o.each(func(r *stdio.Reader, _ *flow) { r.Exited() })
}

// each calls f for stdout and for stderr, if the process has them.
func (o *IO) each(f func(*stdio.Reader, *flow)) {
	if o.stdout != nil {
		f(o.stdout, &o.out)
	}
	if o.stderr != nil {
		f(o.stderr, &o.err)
	}
}

// remains is what is left of a stream.
type remains uint8

const (
	nothing remains = iota // it has ended, or its bytes are dropped
	theEnd                 // nothing but the end of the stream, which its reader has not got yet
	output                 // bytes, or somebody who may write some
	tooMuch                // bytes whose reader has got the end already, so many that their writer would soon have to wait
)

func remainsOf(left stdio.Left, f *flow) remains {
	switch told := f.ended.Load(); {
	case told && left.Held && left.Half:
		return tooMuch
	case left.Held || left.Unread > 0:
		return output
	case f.begun.Load() && !told:
		return theEnd
	}
	return nothing
}

// left returns the most that is left of a stream of an exited process. Streams with tooMuch are drained:
// a reader that has got the end will hardly come back, and the writer must not wait for it. n is how
// many were drained; over is called for each of them when it has ended.
func (o *IO) left(over func()) (l remains, n int) {
	o.each(func(r *stdio.Reader, f *flow) {
		if f.dropped {
			return
		}
		switch of := remainsOf(r.Left(), f); of {
		case tooMuch:
			n += f.drop(r, over)
		default:
			l = max(l, of)
		}
	})
	return l, n
}

// drain closes stdin and drains all streams that are not drained yet.
func (o *IO) drain(over func()) (n int) {
	o.closed.Store(true)
	if o.stdin != nil {
		o.stdin.Close()
	}
	o.each(func(r *stdio.Reader, f *flow) { n += f.drop(r, over) })
	return n
}

func (f *flow) drop(r *stdio.Reader, over func()) int {
	if f.dropped {
		return 0
	}
	f.dropped = true
	r.Drain(over)
	return 1
}

// quiet is for how long nothing was read, or how long ago since is if that is less.
func (o *IO) quiet(since time.Time) time.Duration {
	at := epoch.Add(time.Duration(o.lastRead.Load()))
	if at.Before(since) {
		at = since
	}
	return time.Since(at)
}

// Close closes every stream; pending reads end.
func (o *IO) Close() {
	o.closed.Store(true)
	if o.stdin != nil {
		o.stdin.Close()
	}
	o.each(func(r *stdio.Reader, _ *flow) { r.Close() })
	o.passed.close()
	if o.master != nil {
		o.master.Close()
	}
}
