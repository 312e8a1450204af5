// SPDX-License-Identifier: Apache-2.0

package passfd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
)

// desk is a table that is being served, and where hosts connect.
type desk struct {
	*Streams
	t    *testing.T
	addr net.Addr
}

// stated is the port that the test's connections state in their names.
func stated(conn net.Conn) (port uint32, ok bool) {
	name := conn.RemoteAddr().String()
	n, _ := fmt.Sscanf(name[strings.LastIndexByte(name, '_')+1:], "%d", &port)
	return port, n == 1
}

func newDesk(t *testing.T, o Options) *desk {
	t.Helper()
	before := guesttest.Descriptors(t)
	l, err := net.Listen("unix", fmt.Sprintf("@passfd-%d-%s", os.Getpid(), t.Name()))
	if err != nil {
		t.Fatal(err)
	}
	o.Port = stated
	s, done := New(o), make(chan struct{})
	go func() { s.Serve(l); close(done) }()
	t.Cleanup(func() {
		l.Close()
		<-done
		s.Close()
		guard.Until(t, "descriptors are closed", func() bool { return guesttest.Descriptors(t) <= before })
	})
	return &desk{s, t, l.Addr()}
}

// dial connects from a port.
func (d *desk) dial(port uint32) *net.UnixConn {
	d.t.Helper()
	local := &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("@passfd-%d-%s-%d_%d", os.Getpid(), d.t.Name(), time.Now().UnixNano(), port)}
	conn, err := net.DialUnix("unix", local, d.addr.(*net.UnixAddr))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	return conn
}

func (d *desk) waits(n int) {
	d.t.Helper()
	guard.Until(d.t, fmt.Sprintf("%d connections wait", n), func() bool { return d.Waiting() == n })
}

// same checks that a claimed stream is the other side of conn.
func same(t *testing.T, f *os.File, conn net.Conn) {
	t.Helper()
	if f == nil {
		t.Fatal("nothing was claimed, want the connection")
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	b := make([]byte, 1)
	if _, err := io.ReadFull(conn, b); err != nil || b[0] != 'x' {
		t.Errorf("the host reads %q, %v; want what was written to the claimed stream", b, err)
	}
}

func wantClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(guard.Hang))
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the host reads %d, %v; want the end: its connection is closed", n, err)
	}
}

func TestClaimTakesWhatWaits(t *testing.T) {
	d := newDesk(t, Options{})
	in, out, other := d.dial(10), d.dial(11), d.dial(12)
	d.waits(3)
	c, err := d.Claim(guard.Context(t), Ports{Stdin: 10, Stdout: 11})
	if err != nil || c.Stderr != nil {
		t.Fatalf("claim: %v, stderr %v; want no error and no stderr", err, c.Stderr)
	}
	defer c.Close()
	same(t, c.Stdin, in)
	same(t, c.Stdout, out)
	if n := d.Waiting(); n != 1 {
		t.Errorf("%d connections wait, want the one that nobody claimed", n)
	}
	rest, err := d.Claim(guard.Context(t), Ports{Stderr: 12})
	if err != nil {
		t.Fatal(err)
	}
	defer rest.Close()
	same(t, rest.Stderr, other)
}

// TestClaimWaitsForTheConnection: the request may be quicker than the accept.
func TestClaimWaitsForTheConnection(t *testing.T) {
	d := newDesk(t, Options{ClaimTime: guard.Hang})
	type answer struct {
		c   Claimed
		err error
	}
	got := make(chan answer, 1)
	go func() {
		c, err := d.Claim(guard.Context(t), Ports{Stdout: 7})
		got <- answer{c, err}
	}()
	guard.Until(t, "the claim waits", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.claims[7] != nil
	})
	// Another claim of the same port does not take its connection away.
	if c, err := d.Claim(guard.Context(t), Ports{Stdout: 7}); !errors.Is(err, ErrMissing) || c.Stdout != nil {
		t.Errorf("a second claim: %v, want %v", err, ErrMissing)
	}
	conn := d.dial(7)
	a := <-got
	defer a.c.Close()
	if a.err != nil {
		t.Fatal(a.err)
	}
	same(t, a.c.Stdout, conn)
	d.waits(0)
}

func TestClaimOfNothing(t *testing.T) {
	d := newDesk(t, Options{ClaimTime: time.Millisecond})
	conn := d.dial(5)
	d.waits(1)
	c, err := d.Claim(guard.Context(t), Ports{Stdin: 4, Stdout: 5, Stderr: 6})
	t.Cleanup(func() { c.Close() })
	for _, words := range []string{"stdin", "port 4", "stderr", "port 6"} {
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want one that names %s", err, words)
		}
	}
	same(t, c.Stdout, conn)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.claims) > 0 {
		t.Errorf("%d claims are left, want none", len(d.claims))
	}
}

func TestClaimEndsWithItsCaller(t *testing.T) {
	d := newDesk(t, Options{ClaimTime: guard.Hang})
	ctx, cancel := context.WithCancel(guard.Context(t))
	cancel()
	if _, err := d.Claim(ctx, Ports{Stdout: 1}); !errors.Is(err, ErrMissing) {
		t.Errorf("%v, want %v", err, ErrMissing)
	}
}

func TestOrphansExpire(t *testing.T) {
	d := newDesk(t, Options{OrphanTime: time.Millisecond})
	for port := range uint32(3) {
		wantClosed(t, d.dial(port+1))
	}
	d.waits(0)
}

func TestPortUsedAgain(t *testing.T) {
	d := newDesk(t, Options{})
	old := d.dial(3)
	d.waits(1)
	conn := d.dial(3)
	wantClosed(t, old)
	c, err := d.Claim(guard.Context(t), Ports{Stdin: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	same(t, c.Stdin, conn)
}

func TestWaitingIsBounded(t *testing.T) {
	d := newDesk(t, Options{MaxWaiting: 2})
	first, second := d.dial(1), d.dial(2)
	d.waits(2)
	third := d.dial(3)
	wantClosed(t, first)
	d.waits(2)
	c, err := d.Claim(guard.Context(t), Ports{Stdin: 2, Stdout: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	same(t, c.Stdin, second)
	same(t, c.Stdout, third)
}

func TestConnectionsWithoutAPort(t *testing.T) {
	d := newDesk(t, Options{})
	conn, err := net.Dial("unix", d.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wantClosed(t, conn)
	wantClosed(t, d.dial(0))
}

func TestCloseClosesWhatWaits(t *testing.T) {
	d := newDesk(t, Options{})
	conn := d.dial(1)
	d.waits(1)
	d.Close()
	wantClosed(t, conn)
	wantClosed(t, d.dial(2))
}
