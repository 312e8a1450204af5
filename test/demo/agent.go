// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

// isolate gives the agent a mount namespace with an empty /run: its paths there are fixed, and an
// agent of this machine may be using them.
const isolate = `mount --make-rprivate / && mount -t tmpfs tmpfs /run && exec "$@"`

// An agent is the process under demonstration, with one connection to it.
type agent struct {
	*harness.Client
	address string
	pid     int
	log     *logBuffer

	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
}

// startAgent waits until the agent answers its first call.
func (d *demo) startAgent(ctx context.Context) error {
	begin := time.Now()
	binary, err := filepath.Abs(d.agentBinary)
	if err != nil {
		return err
	}
	a := &agent{
		address: "unix://" + filepath.Join(d.dir, "agent.sock"),
		log:     new(logBuffer), exited: make(chan struct{}),
	}
	a.cmd = exec.Command("unshare", "-m", "sh", "-c", isolate, "sh", binary)
	a.cmd.Env = append(os.Environ(), "KATA_AGENT_SERVER_ADDR="+a.address)
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	a.cmd.WaitDelay = time.Second
	if err := a.cmd.Start(); err != nil {
		return err
	}
	a.pid = a.cmd.Process.Pid // unshare, sh and the agent exec one another
	d.agent = a
	go func() { _ = a.cmd.Wait(); close(a.exited) }()
	for {
		if a.Client, err = harness.Dial(a.address); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.exited:
			return fmt.Errorf("the agent has ended: %v", a.cmd.ProcessState)
		case <-time.After(time.Millisecond):
		}
	}
	if err := a.Check(ctx); err != nil {
		return err
	}
	memory, err := memoryOf(a.pid)
	say(time.Since(begin), "agent started, answers Check on a unix socket; it holds %s", memory)
	return err
}

// waitExit waits for the agent to end by itself.
func (a *agent) waitExit(ctx context.Context) error {
	select {
	case <-a.exited:
	case <-ctx.Done():
		return fmt.Errorf("the agent does not end: %w", ctx.Err())
	}
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the agent has ended with %v", a.cmd.ProcessState)
	}
	return nil
}

// kill ends the agent: by a last call, which ends the containers too, if it still answers.
func (a *agent) kill() {
	if a.Client != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = a.DestroySandbox(ctx) // what is left is killed below
		cancel()
		a.Close()
	}
	_ = a.cmd.Process.Kill() // it may have ended
	<-a.exited
}

// kib is memory as /proc/<pid>/status counts it.
type kib int

func (k kib) String() string { return fmt.Sprintf("%.1f MiB", float64(k)/1024) }

// memoryOf is anonymous and shared memory of a process and its children: what ends with them.
// Pages of the binary are not counted, the kernel drops them when it likes.
func memoryOf(pid int) (kib, error) {
	pids := []string{fmt.Sprint(pid)}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err == nil {
		for _, child := range strings.Fields(string(children)) {
			name, _ := os.ReadFile("/proc/" + child + "/comm")
			if strings.HasPrefix(string(name), "kata") {
				pids = append(pids, child)
			}
		}
	}
	var sum kib
	for _, p := range pids {
		status, err := os.ReadFile("/proc/" + p + "/status")
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(status)) {
			var n kib
			if strings.HasPrefix(line, "RssAnon:") || strings.HasPrefix(line, "RssShmem:") {
				if _, err := fmt.Sscanf(line[strings.IndexByte(line, ':')+1:], "%d", &n); err != nil {
					return 0, err
				}
				sum += n
			}
		}
	}
	return sum, nil
}

// logBuffer keeps what the agent logs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.buf.Bytes()
	return string(text[max(0, len(text)-n):])
}
