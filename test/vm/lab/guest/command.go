// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os/exec"
	"syscall"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// serveCommands runs one command for each connection.
func serveCommands(l net.Listener, protected bool) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go serveCommand(conn, protected)
	}
}

func serveCommand(conn net.Conn, protected bool) {
	defer conn.Close()
	var cmd wire.Command
	dec := json.NewDecoder(conn)
	if err := dec.Decode(&cmd); err != nil || len(cmd.Argv) == 0 {
		return
	}
	if protected {
		// Not what the helper has itself: see wire.Plan.
		cmd.Argv = append([]string{"sh", "-c", `echo 0 >/proc/self/oom_score_adj; exec "$@"`, "sh"}, cmd.Argv...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		// Nothing more is sent: the read ends with the connection.
		dec.Decode(new(wire.Command))
		cancel()
	}()
	json.NewEncoder(conn).Encode(run(ctx, cmd))
}

func run(ctx context.Context, cmd wire.Command) wire.Result {
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, cmd.Argv[0], cmd.Argv[1:]...)
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(cmd.Stdin), &stdout, &stderr
	c.Dir = "/"
	// A child left behind with the pipes must not hold the answer.
	c.WaitDelay = time.Second
	err := c.Run()
	res := wire.Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		res.Code = exit.ExitCode()
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
			res.Code = 128 + int(ws.Signal())
		}
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		res.Error = err.Error()
	}
	return res
}
