// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// TestSessions drives two shells at the same time; each answers by itself and ends with
// its own exit.
func TestSessions(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/console")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- Console{}.Serve(l) }()
	var conns [2]net.Conn
	for i := range conns {
		if conns[i], err = net.Dial("unix", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
		if err := conns[i].SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	for i, conn := range conns {
		if _, err := conn.Write([]byte("echo ans''wer $((40+2)) `tty`; exit\n")); err != nil {
			t.Fatal(err)
		}
		answered := false
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			answered = answered || strings.Contains(lines.Text(), "answer 42 /dev/pts/")
		}
		if !answered {
			t.Errorf("session %d: the shell has no terminal or did not answer", i)
		}
	}
	l.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestNoShell(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	if err := (Console{Root: t.TempDir()}).session(server); err != ErrNoShell { //nolint:errorlint // it is not wrapped
		t.Errorf("without a shell: %v", err)
	}
}
