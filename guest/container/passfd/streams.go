// SPDX-License-Identifier: Apache-2.0

package passfd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// ClaimTime is how long a claim waits for connections that have not been accepted yet. The
	// host names a port after it has connected, so they only have to get to the front of the queue.
	ClaimTime = 3 * time.Second
	// OrphanTime is how long a connection that nobody claims is kept.
	OrphanTime = time.Minute
	// MaxWaiting is how many connections wait to be claimed at most: three for each of more than a
	// thousand processes that start at once. The oldest is closed for one more.
	MaxWaiting = 4096
)

// ErrMissing says that no connection has come from a port.
var ErrMissing = errors.New("no connection of the host has come from it")

// Ports are the host's ports that a request names; 0 is none.
type Ports struct{ Stdin, Stdout, Stderr uint32 }

// Any tells whether one is named.
func (p Ports) Any() bool { return p.Stdin|p.Stdout|p.Stderr != 0 }

// Options of Streams.
type Options struct {
	// Port is the peer's port of a connection; false for one that has none, which is closed.
	Port func(net.Conn) (uint32, bool)
	// ClaimTime, OrphanTime and MaxWaiting take the place of the constants if they are not 0.
	ClaimTime, OrphanTime time.Duration
	MaxWaiting            int
}

// Streams holds the host's connections until a process claims them.
type Streams struct {
	options Options

	mu      sync.Mutex
	waiting map[uint32]*orphan
	oldest  *orphan // the queue of those that wait, by age
	newest  *orphan
	claims  map[uint32]chan *os.File
	expiry  *time.Timer
	closed  bool
}

// orphan is a connection that nobody has claimed yet.
type orphan struct {
	port        uint32
	file        *os.File
	until       time.Time
	older, next *orphan
}

// New makes an empty table.
func New(o Options) *Streams {
	if o.ClaimTime == 0 {
		o.ClaimTime = ClaimTime
	}
	if o.OrphanTime == 0 {
		o.OrphanTime = OrphanTime
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = MaxWaiting
	}
	s := &Streams{options: o, waiting: map[uint32]*orphan{}, claims: map[uint32]chan *os.File{}}
	s.expiry = time.AfterFunc(time.Hour, s.expire)
	s.expiry.Stop()
	return s
}

// The pause after a failed accept, at first and at most: out of descriptors, as a rule.
const (
	acceptPause    = 10 * time.Millisecond
	acceptPauseMax = time.Second
)

// Serve accepts until l is closed. Each connection becomes a stream under its peer's port.
func (s *Streams) Serve(l net.Listener) {
	pause := acceptPause
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = acceptPause
			s.take(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) || s.isClosed() {
			return
		}
		time.Sleep(pause)
		pause = min(2*pause, acceptPauseMax)
	}
}

// take keeps a connection as a file, which is not in Go's netpoller.
func (s *Streams) take(conn net.Conn) {
	defer conn.Close()
	port, ok := s.options.Port(conn)
	if !ok || port == 0 {
		return
	}
	file, err := fileOf(conn)
	if err != nil {
		return
	}
	s.put(port, file)
}

func (s *Streams) put(port uint32, file *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if claim := s.claims[port]; claim != nil {
		delete(s.claims, port)
		claim <- file
		return
	}
	if s.closed {
		file.Close()
		return
	}
	if old := s.waiting[port]; old != nil { // the host uses its port again
		s.remove(old).Close()
	} else if len(s.waiting) >= s.options.MaxWaiting {
		s.remove(s.oldest).Close()
	}
	s.add(&orphan{port: port, file: file, until: time.Now().Add(s.options.OrphanTime)})
}

// add enters o as the newest. The lock is held, as in remove.
func (s *Streams) add(o *orphan) {
	s.waiting[o.port] = o
	o.older = s.newest
	if s.newest != nil {
		s.newest.next = o
	} else {
		s.oldest = o
		s.expiry.Reset(time.Until(o.until))
	}
	s.newest = o
}

func (s *Streams) remove(o *orphan) *os.File {
	delete(s.waiting, o.port)
	if o.older != nil {
		o.older.next = o.next
	} else {
		s.oldest = o.next
	}
	if o.next != nil {
		o.next.older = o.older
	} else {
		s.newest = o.older
	}
	if s.oldest == nil {
		s.expiry.Stop()
	}
	return o.file
}

// expire closes what has waited for too long.
func (s *Streams) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.oldest != nil && !s.oldest.until.After(time.Now()) {
		s.remove(s.oldest).Close()
	}
	if s.oldest != nil {
		s.expiry.Reset(time.Until(s.oldest.until))
	}
}

// Waiting is how many connections wait to be claimed.
func (s *Streams) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Claimed are the connections of one process; nil where no port was named or none has come.
type Claimed struct{ Stdin, Stdout, Stderr *os.File }

// Close closes all of them.
func (c Claimed) Close() {
	for _, f := range []*os.File{c.Stdin, c.Stdout, c.Stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// Claim takes the connections of the ports out of the table and waits for those that are still
// to come, for ClaimTime in all and no longer than ctx. One that does not come is nil, and missing
// names its port (ErrMissing).
func (s *Streams) Claim(ctx context.Context, ports Ports) (c Claimed, missing error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.ClaimTime)
	defer cancel()
	var errs []error
	for _, p := range []struct {
		name string
		port uint32
		to   **os.File
	}{{"stdin", ports.Stdin, &c.Stdin}, {"stdout", ports.Stdout, &c.Stdout}, {"stderr", ports.Stderr, &c.Stderr}} {
		if p.port == 0 {
			continue
		}
		if *p.to = s.claim(ctx, p.port); *p.to == nil {
			errs = append(errs, fmt.Errorf("%s is not passed to port %d: %w", p.name, p.port, ErrMissing))
		}
	}
	return c, errors.Join(errs...)
}

// claim returns nil if no connection comes while ctx lasts, or somebody claims the same already.
func (s *Streams) claim(ctx context.Context, port uint32) *os.File {
	s.mu.Lock()
	if o := s.waiting[port]; o != nil {
		file := s.remove(o)
		s.mu.Unlock()
		return file
	}
	if s.closed || s.claims[port] != nil {
		s.mu.Unlock()
		return nil
	}
	claim := make(chan *os.File, 1)
	s.claims[port] = claim
	s.mu.Unlock()
	select {
	case file := <-claim:
		return file
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case file := <-claim: // just now
		return file
	default:
		delete(s.claims, port)
		return nil
	}
}

// Close closes what waits and what comes from now on. Streams that were claimed are not its own.
func (s *Streams) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.oldest != nil {
		s.remove(s.oldest).Close()
	}
}

func (s *Streams) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// fileOf returns a duplicate of the connection's descriptor.
func fileOf(conn net.Conn) (*os.File, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a connection of type %T has no descriptor", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	return duplicate(raw)
}
