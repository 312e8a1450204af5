package stdio

import "os"

// Poller watches descriptors for all streams and processes with one epoll instance
// and one goroutine: an idle stream costs no goroutine and no thread.
type Poller struct{}

func NewPoller() (*Poller, error) { panic("todo") }
func (p *Poller) Close() error    { panic("todo") }

// OnReadable calls fn once, on the poller's goroutine, when fd becomes readable
// (a pidfd: when the process has exited). fn must not block. cancel is true when fn
// has not run and will not.
func (p *Poller) OnReadable(fd int, fn func()) (cancel func() bool, err error) { panic("todo") }

// Reader is the agent's end of a process's stdout or stderr: a pipe or a pty master.
type Reader struct{}

// NewReader takes f over (nonblocking from now on, closed by Close).
func (p *Poller) NewReader(f *os.File) (*Reader, error) { panic("todo") }

// Read reads once, at most max bytes. done is called exactly once: at once, on the
// caller's goroutine, if there are bytes or the stream has ended, else on the poller's
// goroutine. data is valid only until done returns; done must not block. Reads of one
// stream are answered in the order they were made.
//
// End of stream is (nil, io.EOF): all writers closed, the tty hung up (EIO), or the
// process has exited (see Exited) and nothing came for the grace time though a
// descendant still holds the stream. Close ends pending reads with (nil, io.EOF) too.
// cancel withdraws a read that has consumed nothing: true when done will not be called.
func (r *Reader) Read(max int, done func(data []byte, err error)) (cancel func() bool) { panic("todo") }

// Exited tells that the process has ended: what it wrote is still delivered, then the
// stream ends, at the latest when it has been silent for the grace time (500 ms).
func (r *Reader) Exited()      { panic("todo") }
func (r *Reader) Close() error { panic("todo") }

// Writer is the agent's end of a process's stdin.
type Writer struct{}

func (p *Poller) NewWriter(f *os.File) (*Writer, error) { panic("todo") }

// Write writes all of data, in the order of the calls. What the pipe does not take at
// once is copied and written as it drains. done is called once, when the last byte has
// been taken or with an error (EPIPE: reader gone; os.ErrClosed: closed); it must not block.
func (w *Writer) Write(data []byte, done func(error)) (cancel func() bool) { panic("todo") }

// CloseAfterWrites closes stdin once everything written so far has been taken. Idempotent.
func (w *Writer) CloseAfterWrites() { panic("todo") }
func (w *Writer) Close() error      { panic("todo") }
