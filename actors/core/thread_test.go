// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/test/guard"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// TestNothingIsBoundToAThread: a work may spoil its thread (setns, unshare) and
// throw it away by ending locked; no turn and no other work runs on it then.
func TestNothingIsBoundToAThread(t *testing.T) {
	sys := core.NewSystem(zap.NewNop())
	ctx, cancel := context.WithTimeout(context.Background(), stressGuard)
	defer cancel()
	ref, err := sys.Spawn("a", &script{receive: func(tn *core.Turn, m core.Message) {
		d := m.(*double)
		core.Go(tn, func(context.Context) (int, error) {
			runtime.LockOSThread() // and never unlocked
			return unix.Gettid(), nil
		}, func(_ *core.Turn, tid int, err error) { d.Reply(tid, err) })
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		tid, err := core.Ask(ctx, ref, &double{})
		if err != nil {
			t.Fatal(err)
		}
		if tid == os.Getpid() { // the main thread is parked for ever, it cannot end
			continue
		}
		guard.Until(t, "the thread of a work that ended locked ends", func() bool {
			_, err := os.Stat("/proc/self/task/" + strconv.Itoa(tid))
			return os.IsNotExist(err)
		})
	}
	if err := sys.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}
