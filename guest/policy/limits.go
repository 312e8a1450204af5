// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a document, those of the engine that policies are written for, but for the nesting: that
// engine does not come to an end with 200 brackets, and a parser's stack grows with them.
const (
	maxText    = 16 << 20 // bytes
	maxLine    = 64 << 10 // bytes, without a comment
	maxLines   = 200_000
	maxNesting = 128
)

// limited refuses a document beyond the bounds.
func limited(text string) error {
	if len(text) > maxText {
		return fmt.Errorf("1: %d bytes, more than %d", len(text), maxText)
	}
	if strings.HasPrefix(text, "\ufeff") {
		return errors.New("1: begins with a byte order mark")
	}
	if n := strings.Count(text, "\n"); n >= maxLines {
		return fmt.Errorf("%d: more than %d lines", maxLines, maxLines)
	}
	return nested(text)
}

// nested refuses brackets nested too deep and lines that are too long. It passes over strings and
// comments.
func nested(text string) error {
	depth, line, start := 0, 1, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\n':
			line, start = line+1, i+1
		case '#':
			i += restOfLine(text[i:]) - 1
			start = i // a comment may be as long as it likes
		case '"':
			i = endOfString(text, i)
		case '`':
			n := strings.IndexByte(text[i+1:], '`')
			if n < 0 {
				return nil // the parser will tell
			}
			line += strings.Count(text[i+1:i+1+n], "\n")
			if at := strings.LastIndexByte(text[i+1:i+1+n], '\n'); at >= 0 {
				start = i + 1 + at + 1
			}
			i += n + 1
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth > maxNesting {
			return fmt.Errorf("%d: nested deeper than %d", line, maxNesting)
		}
		if i-start > maxLine {
			return fmt.Errorf("%d: a line of more than %d bytes", line, maxLine)
		}
	}
	return nil
}

// restOfLine is the length of a line's rest, without its end.
func restOfLine(text string) int {
	if n := strings.IndexByte(text, '\n'); n >= 0 {
		return n
	}
	return len(text)
}

// endOfString is the place of the quote that ends the string at i, or of the last byte of its line.
func endOfString(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		case '\n':
			return i - 1
		}
	}
	return len(text) - 1
}
