// SPDX-License-Identifier: Apache-2.0

package mux_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab/mux"
)

// guard bounds every wait of these tests.
const guard = 2 * time.Minute

// socketpair is a pipe with the buffers of a real one: net.Pipe has none, so
// two ends that write at once would wait for each other.
func socketpair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		ends[i], err = net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		conn := ends[i]
		t.Cleanup(func() { conn.Close() })
	}
	return ends[0], ends[1]
}

// echoOn answers port 7 with what it is sent, and gives port 9 a peer that
// never reads.
func echoOn(t *testing.T) mux.Dialer {
	return func(port uint32) (net.Conn, uint32, error) {
		near, far := socketpair(t)
		switch port {
		case 7:
			go func() {
				io.Copy(far, far)
				far.(*net.UnixConn).CloseWrite()
			}()
		case 9:
		default:
			return nil, 0, errors.New("no listener")
		}
		return near, 7000 + port, nil
	}
}

func pair(t *testing.T) (host, guest *mux.Session) {
	t.Helper()
	a, b := socketpair(t)
	host = mux.New(a, mux.Host, nil)
	guest = mux.New(b, mux.Guest, echoOn(t))
	var wg sync.WaitGroup
	wg.Go(func() { host.Serve() })
	wg.Go(func() { guest.Serve() })
	t.Cleanup(func() {
		host.Close()
		guest.Close()
		wg.Wait()
	})
	return host, guest
}

func open(t *testing.T, s *mux.Session, port uint32) *mux.Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	st, err := s.Open(ctx, port)
	if err != nil {
		t.Fatalf("open port %d: %v", port, err)
	}
	return st
}

func echo(t *testing.T, st *mux.Stream, size int) {
	t.Helper()
	want := bytes.Repeat([]byte("mux!"), size/4)
	go func() {
		st.Write(want)
		st.CloseWrite()
	}()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("echo of %d bytes: got %d, err %v", len(want), len(got), err)
	}
}

func TestEchoBeyondOneWindow(t *testing.T) {
	host, _ := pair(t)
	echo(t, open(t, host, 7), 3<<20)
}

func TestUnreadStreamStopsOnlyItself(t *testing.T) {
	host, _ := pair(t)
	stuck := open(t, host, 9)
	stopped := make(chan error, 1)
	go func() {
		_, err := stuck.Write(make([]byte, 8<<20))
		stopped <- err
	}()
	echo(t, open(t, host, 7), 1<<20)
	select {
	case err := <-stopped:
		t.Fatalf("write to a peer that does not read ended: %v", err)
	default:
	}
	stuck.Close()
	select {
	case err := <-stopped:
		if err == nil {
			t.Fatal("write ended without an error after Close")
		}
	case <-time.After(guard):
		t.Fatal("write still waits after Close")
	}
}

func TestPortDialledFrom(t *testing.T) {
	host, _ := pair(t)
	if got := open(t, host, 7).From(); got != 7007 {
		t.Errorf("dialled from %d, want 7007", got)
	}
}

func TestRefusedPort(t *testing.T) {
	host, _ := pair(t)
	_, err := host.Open(context.Background(), 1)
	if !errors.Is(err, mux.ErrRefused) {
		t.Fatalf("got %v, want ErrRefused", err)
	}
}

func TestPipeEndBreaksStreams(t *testing.T) {
	host, guest := pair(t)
	st := open(t, host, 7)
	guest.Close()
	if _, err := st.Read(make([]byte, 1)); err == nil {
		t.Fatal("read went on after the pipe ended")
	}
	if _, err := host.Open(context.Background(), 7); err == nil {
		t.Fatal("opened a stream on a dead pipe")
	}
}

func TestManyStreams(t *testing.T) {
	host, _ := pair(t)
	var wg sync.WaitGroup
	for range 50 {
		st := open(t, host, 7)
		wg.Go(func() { echo(t, st, 64<<10) })
	}
	wg.Wait()
}
