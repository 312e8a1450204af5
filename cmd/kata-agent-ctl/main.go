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

// exitStatus is an error that ends the program with a status of a process in the guest, and
// without a message.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() { os.Exit(run(os.Args[1:])) }

// run returns the program's exit status: that of the process for run, exec and shell, else 1
// after an error.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	// ttRPC logs answers that come after the deadline, which has been reported already.
	_ = log.SetLevel("fatal") // a level that it has
	root := newRoot()
	root.SetArgs(clapArgs(root, args))
	err := root.ExecuteContext(ctx)
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintln(os.Stderr, "kata-agent-ctl:", err)
	return 1
}
