// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
)

// Error is an answer other than OK: a status code and the text the host sees.
type Error struct {
	Code    codes.Code
	Message string
}

// Error returns the text.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error. Unlike with fmt.Errorf nothing can be wrapped in it.
func Errorf(code codes.Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Status is how errors become answers where no other table is given: an Error as it says, the end
// of a context as the code of the same name, all else INTERNAL with the error's text.
func Status(err error) (codes.Code, string) {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code, e.Message
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded, timeoutText
	case errors.Is(err, context.Canceled):
		return codes.Canceled, err.Error()
	}
	return codes.Internal, err.Error()
}

// Texts of the answers this package gives by itself. They are those of the Rust ttrpc crate, which
// hosts have been talking to until now.
const (
	timeoutText   = "timeout"
	evenIDText    = "stream id must be odd"
	oversizeText  = "message length %d exceed maximum message size of %d"
	noServiceText = "%s service does not exist"
	noMethodText  = "%s method"
	bodyText      = "ttrpc err: %v"
	panicText     = "internal error in %s"
)
