// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"
)

// dialer is set in the environment of this program where it only connects, and waits.
const dialer = "PEER_TEST_DIAL"

func TestMain(m *testing.M) {
	if path := os.Getenv(dialer); path != "" {
		dialAndWait(path)
	}
	os.Exit(m.Run())
}

// dialAndWait connects and stays until its stdin ends; "gone" leaves the connection to a child
// and ends at once.
func dialAndWait(path string) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv("PEER_TEST_GONE") != "" {
		f, err := conn.(*net.UnixConn).File()
		if err != nil {
			os.Exit(1)
		}
		child := exec.Command("cat")
		child.Stdin, child.ExtraFiles = os.Stdin, []*os.File{f}
		if child.Start() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// connect has another process connect to a socket whose name is in the abstract namespace, and
// returns this end of it.
func connect(t *testing.T, attr *syscall.SysProcAttr, env ...string) *net.UnixConn {
	t.Helper()
	guesttest.NoLeak(t)
	name := fmt.Sprintf("@peer-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
	l, err := net.Listen("unix", name)
	guesttest.Must(t, err)
	defer l.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(append(os.Environ(), dialer+"="+name, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.SysProcAttr = attr
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	in, err := cmd.StdinPipe()
	guesttest.Must(t, err)
	guesttest.Must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	conn, err := l.Accept()
	guesttest.Must(t, err)
	t.Cleanup(func() { conn.Close() })
	if len(env) > 0 {
		guesttest.Must(t, cmd.Wait())
	}
	return conn.(*net.UnixConn)
}

func TestOwnUserIsTrusted(t *testing.T) {
	if err := Trusted(connect(t, nil), "/proc"); err != nil {
		t.Errorf("%v, want trust: the same user in the same namespaces", err)
	}
}

func TestForeignPeers(t *testing.T) {
	guesttest.NeedRoot(t, "to make namespaces")
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	for name, c := range map[string]struct {
		attr *syscall.SysProcAttr
		env  []string
		word string
	}{
		"another user":           {&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4321, Gid: 4321}}, nil, "user id 4321"},
		"another pid namespace":  {&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}, nil, "another pid namespace"},
		"another user namespace": {&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids}, nil, "another user namespace"},
		"gone":                   {nil, []string{"PEER_TEST_GONE=1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := Trusted(connect(t, c.attr, c.env...), "/proc")
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), c.word) {
				t.Errorf("%v, want %q and %q", err, c.word, ErrForeign)
			}
		})
	}
}

// A peer of a pid namespace that cannot be seen from here, as the host of an agent that is alone in
// a namespace of its own.
func TestPeerOutsideOfTheNamespace(t *testing.T) {
	guesttest.NeedRoot(t, "to make namespaces")
	name := fmt.Sprintf("@peer-outside-%d", os.Getpid())
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestServeInside$", "-test.v")
	cmd.Env = append(os.Environ(), "PEER_TEST_SERVE="+name, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	out, err := cmd.StdoutPipe()
	guesttest.Must(t, err)
	guesttest.Must(t, cmd.Start())
	text := make([]byte, 1<<12)
	n, _ := out.Read(text) // "=== RUN", or what is printed when it listens
	for !strings.Contains(string(text[:n]), "listening") {
		m, err := out.Read(text[n:])
		guesttest.Must(t, err)
		n += m
	}
	conn, err := net.Dial("unix", name)
	guesttest.Must(t, err)
	defer conn.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, want the peer outside to be trusted", err)
	}
}

// TestServeInside is the other process of TestPeerOutsideOfTheNamespace.
func TestServeInside(t *testing.T) {
	name := os.Getenv("PEER_TEST_SERVE")
	if name == "" {
		return
	}
	l, err := net.Listen("unix", name)
	guesttest.Must(t, err)
	fmt.Println("listening")
	conn, err := l.Accept()
	guesttest.Must(t, err)
	defer conn.Close()
	guesttest.Must(t, Trusted(conn.(*net.UnixConn), "/proc"))
}
