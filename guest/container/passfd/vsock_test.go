// SPDX-License-Identifier: Apache-2.0

package passfd

import (
	"bytes"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// vsockConnection returns the two sides of a vsock connection by loopback: the host's, and the agent's.
func vsockConnection(t *testing.T) (host, agent *os.File) {
	t.Helper()
	if _, err := os.Stat("/sys/module/vsock_loopback"); err != nil {
		t.Skip("no vsock loopback here; test/vm runs this test")
	}
	socket := func() int {
		fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	listener, dialer := socket(), socket()
	defer unix.Close(listener)
	host = os.NewFile(uintptr(dialer), "host")
	t.Cleanup(func() { host.Close() })
	err := unix.Bind(listener, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: unix.VMADDR_PORT_ANY})
	if err == nil {
		err = unix.Listen(listener, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	port := address.(*unix.SockaddrVM).Port
	if err := unix.Connect(dialer, &unix.SockaddrVM{CID: unix.VMADDR_CID_LOCAL, Port: port}); err != nil {
		t.Fatal(err)
	}
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return host, os.NewFile(uintptr(fd), "agent")
}

// TestSpliceByVsock passes more than the buffers hold, both ways, and never by read and write.
func TestSpliceByVsock(t *testing.T) {
	p := newPoller(t)
	want := pattern(3 << 20)
	t.Run("output", func(t *testing.T) {
		out, process := pipeEnds(t)
		host, conn := vsockConnection(t)
		r, err := ToHost(p, out, conn, false)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = process.Write(want); process.Close() }()
		checkSpliced(t, r, host, want)
	})
	t.Run("input", func(t *testing.T) {
		process, in := pipeEnds(t)
		host, conn := vsockConnection(t)
		r, err := FromHost(p, conn, in, false)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = host.Write(want); host.Close() }()
		checkSpliced(t, r, process, want)
	})
}

// checkSpliced reads what a relay passes to its end.
func checkSpliced(t *testing.T, r *Relay, from *os.File, want []byte) {
	t.Helper()
	defer r.Close()
	got, err := io.ReadAll(from)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes come out, %v; want the %d that went in, and the end", len(got), err, len(want))
	}
	over(t, r)
	if r.plain {
		t.Error("bytes were read and written, want them spliced")
	}
}

// TestHostStopsReadingByVsock: the end of a connection is seen while nothing is written.
func TestHostStopsReadingByVsock(t *testing.T) {
	p := newPoller(t)
	out, _ := pipeEnds(t)
	host, conn := vsockConnection(t)
	r, err := ToHost(p, out, conn, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	host.Close()
	over(t, r)
}
