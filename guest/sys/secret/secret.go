// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"fmt"
	"io"
	"strings"
)

// Redacted takes the place of a secret.
const Redacted = "‹redacted›"

// Text is one that must not be shown. Whoever needs it converts it to a string.
type Text string

// Format implements fmt.Formatter, for every verb.
func (t Text) Format(f fmt.State, _ rune) { show(f) }

// String implements fmt.Stringer.
func (t Text) String() string { return Redacted }

// MarshalText implements encoding.TextMarshaler, and so the encoders of JSON and others.
func (t Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Environment is a list of NAME=value of which the names may be shown. As a slice of strings it can
// be used like any other.
type Environment []string

// Format implements fmt.Formatter, for every verb.
func (e Environment) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// String names the variables.
func (e Environment) String() string { return "[" + strings.Join(e.names(), " ") + "]" }

// MarshalText implements encoding.TextMarshaler.
func (e Environment) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

func (e Environment) names() []string {
	out := make([]string, len(e))
	for i, entry := range e {
		out[i] = Variable(entry)
	}
	return out
}

// Variable shows an entry of an environment without its value. One that has no name may be a value
// that somebody has torn off, and is not shown at all.
func Variable(entry string) string {
	name, _, ok := strings.Cut(entry, "=")
	if !ok || strings.IndexByte(name, 0) >= 0 {
		return Redacted
	}
	return name + "=" + Redacted
}

func show(w io.Writer) { _, _ = io.WriteString(w, Redacted) }
