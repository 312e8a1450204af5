// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/output"
)

const (
	// defaultTimeout of an operation: the longest a host waits for most calls.
	defaultTimeout = Duration(60 * time.Second)
	// hostChunk is what the Go runtime reads and writes at a time.
	hostChunk = Size(32 << 10)
	// openWorkers is how many operations may be under way when a rate or a number to hold is
	// given and no number of workers.
	openWorkers = 64
)

// Duration is a time, in files as "1.5s".
type Duration time.Duration

// UnmarshalText reads "200ms", "1m30s".
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v < 0 {
		err = fmt.Errorf("%s is below zero", text)
	}
	*d = Duration(v)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Size is a number of bytes, in files a number or "64MiB".
type Size int64

// UnmarshalText reads "64MiB", "32KiB", "100".
func (s *Size) UnmarshalText(text []byte) error {
	n, err := output.ParseBytes(string(text))
	*s = Size(n)
	return err
}

// UnmarshalTOML takes numbers too.
func (s *Size) UnmarshalTOML(v any) error {
	return s.UnmarshalText([]byte(fmt.Sprint(v)))
}

// UnmarshalJSON takes numbers too.
func (s *Size) UnmarshalJSON(data []byte) error {
	return s.UnmarshalText([]byte(strings.Trim(string(data), `"`)))
}

// MarshalJSON writes a number.
func (s Size) MarshalJSON() ([]byte, error) { return json.Marshal(int64(s)) }

// String is the size in the unit that fits.
func (s Size) String() string { return output.Bytes(uint64(max(s, 0))) }
