// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"os"
	"strings"
)

// A Line is one command: its name, words of the form key=value, and a JSON document.
type Line struct {
	Name  string
	Words []Word
	JSON  []byte // nil if there is none
	// Text is everything behind the name as it was written.
	Text string

	ready bool // Words and JSON are set
}

// A Word is one key=value.
type Word struct{ Key, Value string }

const (
	jsonScheme = "json://"
	fileScheme = "file://"
)

// Parse reads a line. Behind the name come key=value words, in which quotes keep blanks
// together, and at the end json://{...} or file:///x.json. Both are optional. A line that is
// empty or begins with # has an empty name.
func Parse(text string) (Line, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "#") {
		return Line{}, nil
	}
	name, rest, _ := strings.Cut(text, " ")
	return Line{Name: name, Text: strings.TrimSpace(rest)}, nil
}

// arguments reads the words and the JSON document out of the text. The commands of this package
// have arguments of another form, so this is only for calls.
func (l *Line) arguments() error {
	rest := l.Text
	if l.ready {
		rest = ""
	}
	for rest != "" {
		if known, err := l.document(rest); known || err != nil {
			return err
		}
		token, after, err := token(rest)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		if err := l.word(token); err != nil {
			return err
		}
		rest = strings.TrimLeft(after, " \t")
	}
	return nil
}

// document sets JSON if text is a document or names one, and says whether it does.
func (l *Line) document(text string) (bool, error) {
	if path, ok := strings.CutPrefix(text, fileScheme); ok {
		doc, err := os.ReadFile(path)
		if err != nil {
			return false, fmt.Errorf("%s: %w", l.Name, err)
		}
		l.JSON = doc
		return true, nil
	}
	doc, ok := strings.CutPrefix(text, jsonScheme)
	if ok || strings.HasPrefix(text, "{") {
		l.JSON = []byte(doc)
		return true, nil
	}
	return false, nil
}

func (l *Line) word(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("%s: %q is neither key=value nor json://{...} nor file:///path", l.Name, text)
	}
	l.Words = append(l.Words, Word{key, value})
	return nil
}

// Arguments is a line from arguments that a shell has taken apart already: each is a key=value or
// a document.
func Arguments(name string, args []string) (Line, error) {
	l := Line{Name: name, ready: true}
	for _, arg := range args {
		known, err := l.document(arg)
		if err == nil && !known {
			err = l.word(arg)
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// token cuts off the first blank-separated piece. Single and double quotes keep blanks, and are
// left out; inside brackets everything stays, so that a value can be JSON.
func token(s string) (string, string, error) {
	var out strings.Builder
	var quote byte
	depth := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			if c != quote && quote != 0 || depth > 0 {
				out.WriteByte(c)
			}
		case c == '"' || c == '\'':
			quote = c
			if depth > 0 {
				out.WriteByte(c)
			}
		case (c == ' ' || c == '\t') && depth == 0:
			return out.String(), s[i:], nil
		default:
			switch c {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			out.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", fmt.Errorf("no closing %c in %s", quote, s)
	}
	return out.String(), "", nil
}
