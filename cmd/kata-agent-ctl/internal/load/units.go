// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
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

// sizeUnits, the longest first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalText reads "64MiB", "32KiB", "100".
func (s *Size) UnmarshalText(text []byte) error {
	digits, factor := strings.TrimSpace(string(text)), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return fmt.Errorf("%q is not a size, as 64MiB, 32KiB or a number of bytes", text)
	}
	*s = Size(n * factor)
	return nil
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
func (s Size) String() string {
	for _, u := range sizeUnits {
		if int64(s) >= u.bytes {
			return strconv.FormatFloat(float64(s)/float64(u.bytes), 'f', 1, 64) + " " + u.name
		}
	}
	return "0 B"
}
