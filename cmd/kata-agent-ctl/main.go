// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/containerd/log"
	"golang.org/x/sys/unix"
)

// version and commit are set by the linker.
var (
	version = "unknown"
	commit  = "unknown"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the program's exit status: see status.go.
func run(args []string) int {
	ctx, stop := interruptible()
	defer stop()
	// ttRPC logs answers that come after the deadline, which has been reported already.
	_ = log.SetLevel("fatal") // a level that it has
	root := newRoot()
	root.SetArgs(clapArgs(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if interrupted := new(interrupt); errors.As(context.Cause(ctx), interrupted) && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w (%w)", *interrupted, err)
	}
	if message := complaint(cmd, err); message != "" {
		fmt.Fprintln(os.Stderr, "kata-agent-ctl:", message)
	}
	return statusOf(cmd, err)
}

// interrupt is the cause of a context that INT or TERM has ended.
type interrupt unix.Signal

func (i interrupt) Error() string { return "interrupted by " + unix.SignalName(unix.Signal(i)) }

// interruptible is a context that the first INT or TERM ends; the second one ends the program.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	got := make(chan os.Signal, 1)
	signal.Notify(got, unix.SIGINT, unix.SIGTERM)
	go func() {
		select {
		case s := <-got:
			signal.Stop(got)
			cancel(interrupt(s.(unix.Signal)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(got); cancel(nil) }
}
