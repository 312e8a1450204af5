// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// Run runs a program in the guest as root, in PID 1's namespaces, past the
// agent. A status other than 0 is in the result, not an error.
func (vm *VM) Run(ctx context.Context, cmd wire.Command) (wire.Result, error) {
	var res wire.Result
	conn, err := vm.Dial(ctx, wire.CommandPort)
	if err != nil {
		return res, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := json.NewEncoder(conn).Encode(cmd); err != nil {
		return res, fmt.Errorf("send command: %w", err)
	}
	if err := json.NewDecoder(conn).Decode(&res); err != nil {
		return res, fmt.Errorf("%s in the guest: %w", cmd.Argv[0], errors.Join(err, ctx.Err()))
	}
	if res.Error != "" {
		return res, fmt.Errorf("%s in the guest: %s", cmd.Argv[0], res.Error)
	}
	return res, nil
}

// Shell runs a script with the guest's sh and returns its standard output
// without the last newline. A status other than 0 fails the test.
func (vm *VM) Shell(t testing.TB, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	res, err := vm.Run(ctx, wire.Command{Argv: []string{"sh", "-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Code != 0 {
		t.Fatalf("in the guest: %s\nstatus %d\n%s%s", script, res.Code, res.Stdout, res.Stderr)
	}
	return strings.TrimSuffix(string(res.Stdout), "\n")
}

// WaitUntil waits until a shell condition holds in the guest.
func (vm *VM) WaitUntil(t testing.TB, condition string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	script := "until " + condition + "; do usleep 50000; done"
	if _, err := vm.Run(ctx, wire.Command{Argv: []string{"sh", "-c", script}}); err != nil {
		t.Fatalf("waiting for %s: %v", condition, err)
	}
}
