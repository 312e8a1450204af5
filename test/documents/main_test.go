// SPDX-License-Identifier: Apache-2.0

package documents

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// tools is the directory with the programs that a reader has in the path.
var tools string

func TestMain(m *testing.M) {
	if signal.Ignored(syscall.SIGINT) {
		// As in the background of a script. With a handler here, programs that are started get ^C again.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	}
	var err error
	if tools, err = os.MkdirTemp("", "documents"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err := harness.BuildProgram("./cmd/kata-agent-ctl", tools); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	harness.Clean()
	_ = os.RemoveAll(tools)
	os.Exit(code)
}
