// SPDX-License-Identifier: Apache-2.0

package address

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hypervisor listens as one with hybrid vsock does: it reads a line and gives the answer, then
// what the guest would send.
func hypervisor(t *testing.T, answer string) (path string, line <-chan string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "hv")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		text, _ := bufio.NewReader(conn).ReadString('\n')
		got <- text
		_, _ = io.WriteString(conn, answer)
	}()
	return path, got
}

func TestHybridHandshake(t *testing.T) {
	// What comes behind the line, at once, is the guest's.
	path, line := hypervisor(t, "OK 1073741824\nguest")
	a := Address{Kind: Hybrid, Path: path, Port: 1024}
	conn, err := a.Dial(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Hypervisors take the word in either case; this is the Go runtime's.
	if got := <-line; got != "CONNECT 1024\n" {
		t.Errorf("asked with %q", got)
	}
	rest, err := io.ReadAll(conn)
	if err != nil || string(rest) != "guest" {
		t.Errorf("then came %q, %v", rest, err)
	}
}

func TestHybridHandshakeFails(t *testing.T) {
	for answer, mention := range map[string]string{
		"":                           "no answer",
		"OK":                         "no answer", // the line has no end
		"NO\n":                       `"NO"`,
		"OKAY\n":                     `"OKAY"`,
		strings.Repeat("x", 1000):    "no end",
		"not a hypervisor, OK 123\n": "not a hypervisor",
	} {
		path, _ := hypervisor(t, answer)
		conn, err := Address{Kind: Hybrid, Path: path, Port: 1}.Dial(context.Background(), 0)
		if err == nil {
			conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), mention) {
			t.Errorf("answer %.20q: error %v, want one with %s", answer, err, mention)
		}
	}
}

func TestDialWaitsForAListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "late")
	a := Address{Kind: Unix, Path: path}
	if _, err := a.Dial(context.Background(), 0); err == nil {
		t.Fatal("connected to nobody")
	}
	listening := make(chan net.Listener, 1)
	time.AfterFunc(50*time.Millisecond, func() { // clock: if the dial begins later it need not wait
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Error(err)
		}
		listening <- l
	})
	conn, err := a.Dial(context.Background(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	(<-listening).Close()
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(30*time.Millisecond, cancel) // clock: if the dial begins later it ends at once
	_, err := Address{Kind: Unix, Path: filepath.Join(t.TempDir(), "never")}.Dial(ctx, time.Hour)
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v, want an error with %q", err, context.Canceled.Error())
	}
}

func TestAbstractSocket(t *testing.T) {
	name := fmt.Sprintf("@kata-agent-ctl-test-%d", time.Now().UnixNano())
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := Parse("unix://"+name, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := a.Dial(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
