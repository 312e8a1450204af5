// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
)

// script is a behaviour made of functions.
type script struct {
	receive func(*core.Turn, core.Message)
	stopped func(error)
}

func (s *script) Receive(t *core.Turn, m core.Message) {
	if s.receive != nil {
		s.receive(t, m)
	}
}

func (s *script) Stopped(cause error) {
	if s.stopped != nil {
		s.stopped(cause)
	}
}

// double asks for twice N.
type double struct {
	core.Call[int]
	N int
}

func TestAskIsAnswered(t *testing.T) {
	s := core.NewSystem(zap.NewNop())
	ref, err := s.Spawn("a", &script{receive: func(tn *core.Turn, m core.Message) {
		switch m := m.(type) {
		case *double:
			core.Go(tn, func(context.Context) (int, error) { return 2 * m.N, nil },
				func(_ *core.Turn, v int, err error) { m.Reply(v, err) })
		case string:
			panic("x")
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := core.Ask(context.Background(), ref, &double{N: 4})
	if v != 8 || err != nil {
		t.Fatal(v, err)
	}
	ref.Tell("die")
	_, err = core.Ask(context.Background(), ref, &double{N: 4})
	if !errors.Is(err, core.ErrStopped) || !errors.Is(err, core.ErrPanicked) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}
