// SPDX-License-Identifier: Apache-2.0

package qmp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/lab/qmp"
)

// fakeQEMU greets, then answers by script: what it returns for a command name
// is written with the command's id in place of %d.
func fakeQEMU(t *testing.T, script func(command string) string) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		fmt.Fprintln(far, `{"QMP": {"version": {}, "capabilities": []}}`)
		lines := bufio.NewScanner(far)
		for lines.Scan() {
			var req struct {
				Execute string
				ID      int
			}
			json.Unmarshal(lines.Bytes(), &req)
			answer := `{"return": {}, "id": %d}`
			if req.Execute != "qmp_capabilities" {
				answer = script(req.Execute)
			}
			if answer == "" {
				return
			}
			fmt.Fprintf(far, answer+"\n", req.ID)
		}
	}()
	t.Cleanup(func() { near.Close(); <-done })
	return near
}

func client(t *testing.T, script func(string) string) (*qmp.Client, context.Context) {
	t.Helper()
	ctx := guard.Context(t)
	c, err := qmp.New(ctx, fakeQEMU(t, script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, ctx
}

func TestResultAndError(t *testing.T) {
	c, ctx := client(t, func(command string) string {
		if command == "query-status" {
			return `{"return": {"status": "running"}, "id": %d}`
		}
		return `{"error": {"class": "GenericError", "desc": "no such slot"}, "id": %d}`
	})
	var status struct{ Status string }
	if err := c.Do(ctx, "query-status", nil, &status); err != nil || status.Status != "running" {
		t.Errorf("status %q, err %v", status.Status, err)
	}
	var refusal *qmp.Error
	if err := c.Do(ctx, "device_add", qmp.Args{"bus": "x"}, nil); !errors.As(err, &refusal) || refusal.Desc != "no such slot" {
		t.Errorf("got %v, want QEMU's refusal", err)
	}
}

func TestEventBeforeTheWaitCounts(t *testing.T) {
	c, ctx := client(t, func(string) string {
		return `{"event": "DEVICE_DELETED", "data": {"device": "d1"}} {"return": {}, "id": %d}`
	})
	mark := c.Now()
	if err := c.Do(ctx, "device_del", nil, nil); err != nil {
		t.Fatal(err)
	}
	ev, err := c.Wait(ctx, mark, func(e qmp.Event) bool { return e.Name == "DEVICE_DELETED" })
	if err != nil || string(ev.Data) != `{"device": "d1"}` {
		t.Errorf("event %s, err %v", ev.Data, err)
	}
}

func TestExitEndsEveryWait(t *testing.T) {
	c, ctx := client(t, func(string) string { return "" })
	if err := c.Do(ctx, "quit", nil, nil); !errors.Is(err, qmp.ErrClosed) {
		t.Errorf("command: %v, want ErrClosed", err)
	}
	if _, err := c.Wait(ctx, 0, func(qmp.Event) bool { return false }); !errors.Is(err, qmp.ErrClosed) {
		t.Errorf("wait: %v, want ErrClosed", err)
	}
}
