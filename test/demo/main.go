// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// limit ends a demo in which something hangs.
const limit = 2 * time.Minute

func main() {
	if !shown() {
		os.Exit(1)
	}
}

// shown runs the demo and tells whether everything was as it should be.
func shown() bool {
	agent := flag.String("agent", "bin/kata-agent", "the agent's binary")
	ctl := flag.String("ctl", "bin/kata-agent-ctl", "the client's binary")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	d := &demo{agentBinary: *agent, ctlBinary: *ctl}
	if err := d.run(ctx); err != nil {
		if d.agent != nil {
			fmt.Printf("\nThe agent's last words:\n%s\n", d.agent.log.tail(2000))
		}
		fmt.Printf("\n  Not as it should be: %v\n", err)
		return false
	}
	return true
}

// demo is what the steps share.
type demo struct {
	agentBinary, ctlBinary string

	dir   string // of everything that is made
	agent *agent
	start time.Time
}

// steps in their order. Each prints its own line.
var steps = []struct {
	name string
	do   func(*demo, context.Context) error
}{
	{"start the agent", (*demo).startAgent},
	{"create the sandbox", (*demo).createSandbox},
	{"create three containers", (*demo).createContainers},
	{"run a program in one", (*demo).runProgram},
	{"hold 50 sessions", (*demo).holdSessions},
	{"resize a terminal", (*demo).resizeTerminal},
	{"stream 64 MiB", (*demo).stream},
	{"kill and wait", (*demo).killAndWait},
	{"remove the containers", (*demo).removeContainers},
	{"destroy the sandbox", (*demo).destroySandbox},
}

func (d *demo) run(ctx context.Context) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("this needs to be root: it makes namespaces, mounts and cgroups")
	}
	d.start = time.Now()
	if d.dir, err = os.MkdirTemp("", "kata-demo"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.cleanUp()) }()
	fmt.Print("\nKata Containers agent, a demonstration\n\n")
	for _, s := range steps {
		if err := s.do(d, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Printf("\n  All as it should be, in %.1f s.\n", time.Since(d.start).Seconds())
	return nil
}

// cleanUp removes what is left after an error. Otherwise nothing should be but the directory.
func (d *demo) cleanUp() error {
	if d.agent != nil {
		d.agent.kill()
		endCgroups(d.cgroup())
	}
	return os.RemoveAll(d.dir)
}

// say prints the line of a step: what was done, and how long it took.
func say(took time.Duration, format string, args ...any) {
	fmt.Printf("  %9s  %s\n", human(took), fmt.Sprintf(format, args...))
}

func human(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
