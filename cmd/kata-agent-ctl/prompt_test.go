// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

func TestCompletionOfCalls(t *testing.T) {
	for _, c := range []struct {
		line     string
		pos      int
		want     string
		wantPos  int
		complete bool
	}{
		{"getg", 4, "GetGuestDetails ", 16, true},
		{"ReadStd", 7, "ReadStd", 7, true},
		{"Exec exec_id=e", 4, "ExecProcess  exec_id=e", 12, true},
		{"qu", 2, "quit ", 5, true},
		{"Nope", 4, "Nope", 4, true},
		{"Check ci", 8, "", 0, false},
	} {
		line, pos, ok := completeLine(c.line, c.pos, '\t')
		if line != c.want || pos != c.wantPos || ok != c.complete {
			t.Errorf("%q at %d: %q at %d, %v; want %q at %d, %v", c.line, c.pos, line, pos, ok, c.want, c.wantPos, c.complete)
		}
	}
	if _, _, ok := completeLine("Ch", 2, 'e'); ok {
		t.Error("a letter completes a word, want only a tab to")
	}
}

// INT ends the line that runs; the one after it has a context that is whole.
func TestInterruptEndsALine(t *testing.T) {
	ctx, done := endedByInterrupt(context.Background())
	defer done()
	if err := unix.Kill(unix.Getpid(), unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	guard.Receive(t, "the end of the line", ctx.Done())
	if !errors.Is(context.Cause(ctx), interrupt(unix.SIGINT)) {
		t.Errorf("ended by %v, want %v", context.Cause(ctx), interrupt(unix.SIGINT))
	}
	next, done := endedByInterrupt(context.Background())
	defer done()
	if next.Err() != nil {
		t.Errorf("the next line has ended too: %v", next.Err())
	}
}
