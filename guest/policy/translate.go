// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"unicode/utf8"
)

// translator reads a pattern in Rust's syntax and writes it in Go's.
type translator struct {
	rest string
	out  strings.Builder
	thin bool // for texts in ASCII: the classes of the two are the same but for \s

	words    bool  // \b or \B was seen
	atom     int   // where the last thing that may be repeated begins in out; -1: there is none
	repeated bool  // and it has been repeated already
	groups   []int // where the open groups begin
}

func (t *translator) run() error {
	t.atom = -1
	for t.rest != "" {
		if err := t.next(); err != nil {
			return err
		}
	}
	return nil
}

// take removes a prefix from the rest if it is there.
func (t *translator) take(prefix string) bool {
	rest, ok := strings.CutPrefix(t.rest, prefix)
	t.rest = rest
	return ok
}

// begin notes that something begins here that may be repeated.
func (t *translator) begin() { t.atom, t.repeated = t.out.Len(), false }

func (t *translator) next() error {
	switch c := t.rest[0]; c {
	case '\\':
		t.begin()
		t.rest = t.rest[1:]
		return t.escape(false)
	case '[':
		t.begin()
		return t.class()
	case '(':
		return t.open()
	case ')':
		if len(t.groups) == 0 {
			return errPattern
		}
		t.atom, t.repeated = t.groups[len(t.groups)-1], false
		t.groups = t.groups[:len(t.groups)-1]
		t.copy(1)
	case '|':
		t.copy(1)
		t.atom = -1
	case '*', '+', '?', '{':
		return t.repetition()
	default:
		t.begin()
		_, size := utf8.DecodeRuneInString(t.rest)
		t.copy(size)
	}
	return nil
}

func (t *translator) copy(n int) {
	t.out.WriteString(t.rest[:n])
	t.rest = t.rest[n:]
}

// flags that both dialects have.
const flags = "imsU-"

// open begins a group. Go has no look-around either, and no comments.
func (t *translator) open() error {
	start := t.out.Len()
	if !strings.HasPrefix(t.rest, "(?") {
		t.copy(1)
		t.groups, t.atom = append(t.groups, start), -1
		return nil
	}
	for _, prefix := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(t.rest, prefix) {
			return errPattern
		}
	}
	if t.take("(?P<") || t.take("(?<") {
		t.out.WriteString("(?P<")
		t.groups, t.atom = append(t.groups, start), -1
		return nil
	}
	end := strings.IndexAny(t.rest, ":)")
	if end < 0 {
		return errPattern
	}
	for _, flag := range t.rest[2:end] {
		switch {
		case strings.ContainsRune("xuR", flag):
			return errDialect
		case !strings.ContainsRune(flags, flag):
			return errPattern
		}
	}
	if t.rest[end] == ':' {
		t.groups = append(t.groups, start)
	}
	t.copy(end + 1)
	t.atom = -1
	return nil
}

// repetition repeats what is before it. Rust repeats repetitions, Go wants them in a group.
func (t *translator) repetition() error {
	if t.atom < 0 {
		return errPattern
	}
	n := 1
	if t.rest[0] == '{' {
		if n = repetitionLength(t.rest); n == 0 {
			return errPattern
		}
	}
	if t.repeated {
		return t.again()
	}
	t.copy(n)
	t.repeated = true
	if t.take("?") {
		t.out.WriteByte('?')
	}
	return nil
}

// again puts the repetition so far into a group.
func (t *translator) again() error {
	text := t.out.String()
	t.out.Reset()
	t.out.WriteString(text[:t.atom] + "(?:" + text[t.atom:] + ")")
	t.repeated = false
	return t.repetition()
}

// repetitionLength is the length of {n}, {n,} or {n,m}, 0 if that is not what s begins with.
func repetitionLength(s string) int {
	end := strings.IndexByte(s, '}')
	if end < 2 {
		return 0
	}
	low, high, _ := strings.Cut(s[1:end], ",")
	if low == "" || strings.Trim(low+high, "0123456789") != "" {
		return 0
	}
	return end + 1
}
