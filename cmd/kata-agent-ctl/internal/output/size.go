// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"strconv"
	"strings"
)

// sizeUnits, the longest names first. All are powers of 1024, as in docker's options.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"gib", 1 << 30}, {"mib", 1 << 20}, {"kib", 1 << 10},
	{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"b", 1},
}

// ParseBytes reads a size: "64MiB", "64m", "1g", or a number of bytes.
func ParseBytes(text string) (int64, error) {
	digits, factor := strings.ToLower(strings.TrimSpace(text)), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is not a size, as 64MiB, 64m or a number of bytes", text)
	}
	return n * factor, nil
}

// Bytes is a size for people, in units of 1024: "512 B", "1.5 MiB".
func Bytes(n uint64) string {
	value, unit := float64(n), 0
	for ; value >= 1024 && unit < 6; unit++ {
		value /= 1024
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", value, " KMGTPE"[unit])
}

// Age is a time in seconds for people: "0.4 s", "12 s", "3m20s", "5h10m", "3d4h".
func Age(seconds float64) string {
	n := int64(seconds)
	switch {
	case seconds < 10:
		return fmt.Sprintf("%.1f s", seconds)
	case n < 60:
		return fmt.Sprintf("%d s", n)
	case n < 3600:
		return fmt.Sprintf("%dm%02ds", n/60, n%60)
	case n < 24*3600:
		return fmt.Sprintf("%dh%02dm", n/3600, n/60%60)
	}
	return fmt.Sprintf("%dd%dh", n/86400, n/3600%24)
}
