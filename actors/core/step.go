// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Step does work as a step of what ctx is for: it is in the live view (System.Steps) for as long as it
// runs, a warning is logged if that is long, the observer of ctx is told of it, and tests can let it
// fail (package failpoint). object says what it is done to, such as a path. It is shown to hosts and in
// logs: no content of files or environments.
//
// work's context is ctx with what the observer adds. What work has made is not to live in variables
// of its own only, for Step may fail after it as it may before.
//
// A ctx that comes neither from a Call, nor from a work, nor from System.From enters nothing.
func Step(ctx context.Context, kind StepKind, object string, work func(context.Context) error) (err error) {
	sys, r := enter(ctx, kind, object)
	end := noSpan
	if !stepTable[kind].Request {
		ctx, end = beginSpan(ctx, kind, object)
	}
	ended := false
	defer func() {
		if !ended {
			err = errStepPanicked // for those who are told only: the panic goes on
		}
		end(err)
		sys.leave(r, err)
	}()
	err = failBefore(ctx, kind, object)
	if err == nil {
		err = work(ctx)
	}
	if err == nil {
		err = failAfter(ctx, kind, object)
	}
	ended = true
	return err
}

// record is a step under way. It is used again for others.
type record struct {
	kind       StepKind
	warned     uint8 // how many of the limits have been warned about
	object     string
	actor      *actor
	origin     *originOf
	call       *call // of a request that waits for its actor
	since      time.Duration
	next, prev *record
}

// enter makes the record of a step; nil if ctx belongs to no system.
func enter(ctx context.Context, kind StepKind, object string) (*System, *record) {
	a, o := actorOf(ctx), origin(ctx)
	var sys *System
	switch {
	case a != nil:
		sys = a.sys
	case o != nil:
		sys = o.sys
	default:
		return nil, nil
	}
	r := sys.steps.add(sys, record{kind: kind, object: object, actor: a, origin: o})
	if sys.log.Core().Enabled(zapcore.DebugLevel) {
		sys.log.Debug("step begins", r.fields()...)
	}
	return sys, r
}

// awaited enters a request that waits for its actor. Its record is shown while it is queued.
func (a *actor) awaited(ctx context.Context, c *call) *record {
	if a == nil {
		return nil
	}
	return a.sys.steps.add(a.sys, record{kind: StepQueued, origin: origin(ctx), call: c})
}

func (a *actor) answered(r *record) {
	if a != nil {
		a.sys.steps.remove(r)
	}
}

// leave ends a step.
func (s *System) leave(r *record, err error) {
	if r == nil {
		return
	}
	if s.log.Core().Enabled(zapcore.DebugLevel) {
		s.log.Debug("step ends", append(r.fields(), zap.Duration("took", s.now()-r.since), zap.Error(err))...)
	}
	s.steps.remove(r)
}

// fields are those of a log line about a step.
func (r *record) fields() []zap.Field {
	v := r.view(0)
	fields := []zap.Field{zap.String("step", v.String())}
	for _, f := range []struct{ key, value string }{
		{"container", v.Container}, {"exec", v.Exec}, {"actor", v.Actor}, {"rpc", v.Method},
	} {
		if f.value != "" {
			fields = append(fields, zap.String(f.key, f.value))
		}
	}
	return fields
}
