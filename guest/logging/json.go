// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"strconv"
	"unicode/utf8"
)

// maxValue is the longest value written, in bytes. A line is read whole by the
// host, so one huge value must not make it wait for, or hold, a huge line.
const maxValue = 16 << 10

// appendPair appends ,"key":"value" to an object that already holds a pair.
func appendPair(dst []byte, key, value string) []byte {
	dst = append(dst, ',')
	dst = appendString(dst, key)
	dst = append(dst, ':')
	return appendString(dst, value)
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become the
// replacement character; what is over maxValue is cut, and its length told.
func appendString(dst []byte, s string) []byte {
	cut := 0
	if len(s) > maxValue {
		cut = len(s)
		s = s[:maxValue]
	}
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	if cut > 0 {
		dst = append(dst, "... ("...)
		dst = strconv.AppendInt(dst, int64(cut), 10)
		dst = append(dst, " bytes)"...)
	}
	return append(dst, '"')
}

func appendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			i++
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendControl(dst, c)
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

func appendControl(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\t':
		return append(dst, '\\', 't')
	case '\r':
		return append(dst, '\\', 'r')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
