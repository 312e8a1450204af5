// SPDX-License-Identifier: Apache-2.0

package initdata

import (
	"bytes"
	"fmt"
)

// maxNesting bounds tables and arrays in each other, and the parts of a dotted key. A document needs
// two; the parser's stack grows with what it is given.
const maxNesting = 16

// bounded refuses a text whose arrays, tables or keys are nested deeper than maxNesting. Strings and
// comments are passed over; what is no TOML is left to the parser.
func bounded(text []byte) error {
	depth, dots := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '#':
			i += lineLength(text[i:]) - 1
		case '"', '\'':
			i += stringLength(text[i:]) - 1
		case '[', '{':
			depth++
			dots = 0
		case ']', '}':
			depth--
		case '.':
			dots++
		case '=', ',', '\n':
			dots = 0
		}
		if depth > maxNesting || dots > maxNesting {
			return fmt.Errorf("nested deeper than %d", maxNesting)
		}
	}
	return nil
}

// lineLength is the length of the rest of a line, without its end.
func lineLength(text []byte) int {
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		return n
	}
	return len(text)
}

// stringLength is the length of the string that text begins with, its quotes included. A string of
// one line that does not end there ends at the line's end.
func stringLength(text []byte) int {
	quote := text[0]
	if triple := bytes.Repeat([]byte{quote}, 3); bytes.HasPrefix(text, triple) {
		n := 3 + ending(text[3:], triple, quote == '"', false)
		for range 2 { // quotes that are the last of the content
			if n < len(text) && text[n] == quote {
				n++
			}
		}
		return n
	}
	return 1 + ending(text[1:], text[:1], quote == '"', true)
}

// ending is the length up to and including the end of a string.
func ending(text, end []byte, escapes, oneLine bool) int {
	for i := 0; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case oneLine && text[i] == '\n':
			return i
		case bytes.HasPrefix(text[i:], end):
			return i + len(end)
		}
	}
	return len(text)
}
