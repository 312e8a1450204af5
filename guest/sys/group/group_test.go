// SPDX-License-Identifier: Apache-2.0

package group_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/sys/group"
)

// TestPanicComesToTheOneWhoWaits, with the others ended.
func TestPanicComesToTheOneWhoWaits(t *testing.T) {
	g, ctx := group.WithContext(t.Context())
	g.SetLimit(2)
	g.Go(func() error { <-ctx.Done(); return ctx.Err() })
	g.Go(func() error { panic("of one of them") })
	defer func() {
		if p, _ := recover().(string); !strings.HasPrefix(p, "of one of them\n") || !strings.Contains(p, "group_test.go") {
			t.Errorf("panic %q, want the value and the stack", p)
		}
	}()
	t.Errorf("no panic, but %v", g.Wait())
}

func TestFirstError(t *testing.T) {
	g, ctx := group.WithContext(t.Context())
	want := errors.New("the first")
	g.Go(func() error { return want })
	g.Go(func() error { <-ctx.Done(); return ctx.Err() })
	if err := g.Wait(); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
