// SPDX-License-Identifier: Apache-2.0

package convert

import "fmt"

// Error says what in a host's specification cannot be honoured. It is the host's mistake, never the
// guest's.
type Error struct{ Reason string }

func (e *Error) Error() string { return e.Reason }

// refuse makes an Error from a format of package fmt.
func refuse(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...)}
}
