// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// PassedPort is agent.passfd_listener_port in tests, and Passing the word for Options.Cmdline.
const (
	PassedPort = 1027
	Passing    = "agent.passfd_listener_port=1027"
)

var lastPassed atomic.Uint32

// Pass connects a stream to the agent and returns the port that it has for the agent.
func (a *Agent) Pass(tb testing.TB) (conn *net.UnixConn, port uint32) {
	tb.Helper()
	port = lastPassed.Add(1)
	own := &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("@passed-%d-%s_%d", os.Getpid(), strings.TrimPrefix(a.Cgroup, "/"), port)}
	agent := &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("%s_%d", strings.TrimPrefix(a.Address, "unix://"), PassedPort)}
	conn, err := net.DialUnix("unix", own, agent)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	if _, benchmark := tb.(*testing.B); !benchmark {
		conn.SetDeadline(time.Now().Add(guard.Hang))
	}
	return conn, port
}

// Passed are the host's ends of a process's streams; nil where none is passed.
type Passed struct{ Stdin, Stdout, Stderr *net.UnixConn }

// PassedSession starts a session whose streams are passed; one with a terminal has no stderr.
func (a *Agent) PassedSession(tb testing.TB, cid, exec string, p *protocols.Process) Passed {
	tb.Helper()
	var s Passed
	r := &protocols.ExecProcessRequest{ContainerId: cid, ExecId: exec, Process: p}
	s.Stdin, r.StdinPort = a.Pass(tb)
	s.Stdout, r.StdoutPort = a.Pass(tb)
	if !p.Terminal {
		s.Stderr, r.StderrPort = a.Pass(tb)
	}
	if err := a.Do(Context(tb), "ExecProcess", r); err != nil {
		tb.Fatal(err)
	}
	return s
}
