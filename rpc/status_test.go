// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"google.golang.org/grpc/codes"
)

func TestStatus(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("request: %w", err) }
	for _, c := range []struct {
		err  error
		code codes.Code
		text string
	}{
		{errors.New("anything"), codes.Internal, "anything"},
		{wrap(process.ErrUnknown), codes.NotFound, "request: process not found"},
		{wrap(errNoContainer), codes.InvalidArgument, "request: invalid container id"},
		{wrap(process.ErrNoTerminal), codes.Unavailable, "request: no tty"},
		{wrap(sandbox.ErrExists), codes.AlreadyExists, "request: already exists"},
		{wrap(container.ErrState), codes.FailedPrecondition, "request: wrong state"},
		{wrap(runtime.ErrNotCreated), codes.FailedPrecondition, "request: container is not waiting to be started"},
		{wrap(runtime.ErrStopped), codes.FailedPrecondition, "request: it is stopped"},
		{wrap(frame.ErrFull), codes.ResourceExhausted, "request: full"},
		{wrap(process.ErrFull), codes.ResourceExhausted, "request: full"},
		{wrap(errUnsupported), codes.Unimplemented, "request: is not implemented in kata-agent"},
		{wrap(context.DeadlineExceeded), codes.DeadlineExceeded, "request: context deadline exceeded"},
		{wrap(context.Canceled), codes.Canceled, "request: context canceled"},
		{frame.Errorf(codes.PermissionDenied, "no"), codes.PermissionDenied, "no"},
		// What is opaque keeps its text and has no code of its own.
		{opaque{wrap(errNoContainer)}, codes.Internal, "request: invalid container id"},
		// One line, whatever is in it.
		{errors.Join(errors.New("first"), errors.New("second")), codes.Internal, "first; second"},
		{errors.New("stderr: a\r\nb\n\n"), codes.Internal, "stderr: a; b"},
	} {
		if code, text := Status(c.err); code != c.code || text != c.text {
			t.Errorf("%v: %s %q, want %s %q", c.err, code, text, c.code, c.text)
		}
	}
}
