// SPDX-License-Identifier: Apache-2.0

package share

import "slices"

// span is the bytes from first up to, not including, end.
type span struct{ first, end int64 }

// spans are the bytes that have arrived: sorted, apart from each other, none empty.
type spans []span

// add puts s in, joining what touches it.
func (l spans) add(s span) spans {
	if s.first == s.end {
		return l
	}
	i := 0
	for i < len(l) && l[i].end < s.first {
		i++
	}
	j := i
	for j < len(l) && l[j].first <= s.end {
		s.first = min(s.first, l[j].first)
		s.end = max(s.end, l[j].end)
		j++
	}
	return slices.Replace(l, i, j, s)
}

// complete reports whether the bytes from 0 to size are all there.
func (l spans) complete(size int64) bool {
	return size == 0 || len(l) == 1 && l[0].first == 0 && l[0].end >= size
}

// begun reports whether the first byte is there.
func (l spans) begun() bool { return len(l) > 0 && l[0].first == 0 }
