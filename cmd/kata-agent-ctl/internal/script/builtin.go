// SPDX-License-Identifier: Apache-2.0

package script

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
)

// builtin runs l if it is a command of this package, and says whether it was.
func (r *Runner) builtin(ctx context.Context, l Line) (bool, error) {
	switch l.Name {
	case "":
	case "echo":
		fmt.Fprintln(r.Out, l.Text)
	case "help", "list":
		List(r.Out)
	case "quit":
		return true, errQuit
	case "sleep":
		d, err := Duration(l.Text)
		if err != nil {
			return true, fmt.Errorf("sleep: %w", err)
		}
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-time.After(d):
		}
	case "on":
		return true, r.on(ctx, l.Text)
	case "await":
		return true, r.settle(r.lanes.await(strings.Fields(l.Text)))
	case "hangup":
		r.lanes.hangUp(l.Text)
	case "within":
		return true, r.within(ctx, l.Text)
	default:
		return false, nil
	}
	return true, nil
}

// List writes the names of all commands.
func List(w io.Writer) {
	fmt.Fprint(w, `Commands of this program:

  echo <text>    write the text
  help, list     this list
  quit           end
  repeat <n>     run the next command n times; -1 is for ever
  sleep <time>   wait: 100ms, 5s, 2m, or a number of nanoseconds
  within <time> <command>   give a call so much time
  on <name> <command>       run a command on a connection of that name, beside those that follow
  await [name...]           wait for the commands of these connections, or of all
  hangup <name>             close such a connection at once

Calls of the agent:

`)
	for _, m := range client.Methods() {
		fmt.Fprintf(w, "  %s\n", m.Method)
	}
}

// units are the names of time units that Duration knows beside those of Go.
var units = strings.NewReplacer(
	"seconds", "s", "second", "s", "secs", "s", "sec", "s",
	"minutes", "m", "minute", "m", "mins", "m", "min", "m",
	"hours", "h", "hour", "h", "msec", "ms", "usec", "us", "nsec", "ns", " ", "",
)

// Duration reads a time: "5s", "2ms", "1m 30s", "10 sec", or a plain number of nanoseconds.
func Duration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return time.Duration(n), nil
	}
	d, err := time.ParseDuration(units.Replace(s))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a time, as 5s, 200ms, 1m30s or a number of nanoseconds", s)
	}
	return d, nil
}
