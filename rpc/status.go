// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"strings"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/sharedmount"
	"github.com/kata-containers/kata-agent/guest/memagent"
	"github.com/kata-containers/kata-agent/guest/storage/share"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"google.golang.org/grpc/codes"
)

// Errors that arise in handlers.
var (
	// errNoContainer is for process requests on an unknown container.
	errNoContainer = errors.New("invalid container id")
	// errUnsupported is for what this agent does not do.
	errUnsupported = errors.New("is not implemented in kata-agent")
	// errMissing is for a request without the part it is about.
	errMissing = errors.New("empty")
	// errArgument is for a request whose part makes no sense.
	errArgument = errors.New("unsupported")
)

// statusTable is the one place that knows codes. Everything else is INTERNAL, the code
// agents have always given to what went wrong in the guest. Hosts act on NOT_FOUND (the
// process has ended), UNIMPLEMENTED (tolerated for some methods) and texts; see docs/errors.md.
var statusTable = []struct {
	err  error
	code codes.Code
}{
	{process.ErrUnknown, codes.NotFound},
	{errNoContainer, codes.InvalidArgument},
	{errMissing, codes.InvalidArgument},
	{errArgument, codes.InvalidArgument},
	{memagent.ErrSetting, codes.InvalidArgument},
	{process.ErrNoTerminal, codes.Unavailable},
	{process.ErrPassed, codes.FailedPrecondition},
	{process.ErrLost, codes.DataLoss},
	{sandbox.ErrExists, codes.AlreadyExists},
	{container.ErrState, codes.FailedPrecondition},
	{runtime.ErrNotCreated, codes.FailedPrecondition},
	{runtime.ErrStopped, codes.FailedPrecondition},
	{sharedmount.ErrRequest, codes.InvalidArgument},
	{sharedmount.ErrSource, codes.FailedPrecondition},
	{errUnsupported, codes.Unimplemented},
	{volume.ErrNoHub, codes.FailedPrecondition},
	{cdh.ErrAbsent, codes.FailedPrecondition},
	{volume.ErrNoPause, codes.FailedPrecondition},
	{frame.ErrFull, codes.ResourceExhausted},
	{sandbox.ErrFull, codes.ResourceExhausted},
	{process.ErrFull, codes.ResourceExhausted},
	{share.ErrFull, codes.ResourceExhausted},
	{context.DeadlineExceeded, codes.DeadlineExceeded},
	{context.Canceled, codes.Canceled},
}

// Status turns an error into the code and text of an answer.
func Status(err error) (codes.Code, string) {
	var answer *frame.Error
	if errors.As(err, &answer) {
		return answer.Code, answer.Message
	}
	for _, row := range statusTable {
		if errors.Is(err, row.err) {
			return row.code, sentence(err)
		}
	}
	return codes.Internal, sentence(err)
}

// Blocked is the answer about a request that the policy denies.
func Blocked(text string) error { return frame.Errorf(codes.PermissionDenied, "%s", text) }

// Unusable is the answer about a policy that cannot be put in force.
func Unusable(err error) error { return frame.Errorf(codes.InvalidArgument, "%s", sentence(err)) }

// sentence is an error in one line, as hosts show it: programs and joined errors have several.
func sentence(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.TrimSpace(strings.Join(lines, "; "))
}

// opaque hides what an error wraps, for methods that answer INTERNAL whatever it is.
type opaque struct{ error }
