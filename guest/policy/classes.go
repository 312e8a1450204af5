// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The classes of Rust, as parts of a class in Go's syntax.
const (
	digits = `\p{Nd}`
	blanks = `\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`
	// words: what is alphabetic (letters, numbers that are letters, letters in circles and squares),
	// marks, digits, connecting punctuation, joiners.
	words = `\p{L}\p{M}\p{Nl}\p{Nd}\p{Pc}\x{200c}\x{200d}\x{24b6}-\x{24e9}` +
		`\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}`
)

// class of one letter, as parts of a class.
func (t *translator) letterClass(name byte) string {
	lower := name | 0x20
	parts := map[byte]string{'d': digits, 's': blanks, 'w': words}[lower]
	if t.thin {
		parts = map[byte]string{'d': `0-9`, 's': `\t-\r `, 'w': `0-9A-Za-z_`}[lower]
	}
	if name == lower {
		return parts
	}
	return complement(parts)
}

var complements sync.Map // parts of a class: the parts of all others

// complement is what is not in a class.
func complement(parts string) string {
	if all, ok := complements.Load(parts); ok {
		return all.(string)
	}
	re, err := syntax.Parse("[^"+parts+"]", syntax.Perl)
	if err != nil {
		panic(err) // one of the constants above
	}
	var b strings.Builder
	for i := 0; i < len(re.Rune); i += 2 {
		fmt.Fprintf(&b, `\x{%x}-\x{%x}`, re.Rune[i], re.Rune[i+1])
	}
	complements.Store(parts, b.String())
	return b.String()
}

// escape translates what follows a backslash.
func (t *translator) escape(inClass bool) error {
	if t.rest == "" {
		return errPattern
	}
	c := t.rest[0]
	switch {
	case strings.IndexByte("dswDSW", c) >= 0:
		t.rest = t.rest[1:]
		t.parts(t.letterClass(c), inClass)
		return nil
	case c == 'p' || c == 'P':
		return t.property(c)
	case c == 'u' || c == 'U' || c == 'x':
		return t.codepoint()
	case strings.IndexByte("bBAz<>", c) >= 0:
		return t.boundary(inClass)
	case strings.IndexByte("aftnrv", c) >= 0:
	case c >= utf8.RuneSelf || '0' <= c && c <= '9' || unicode.IsLetter(rune(c)):
		return errPattern // a back reference, a literal, an escape that Rust does not have
	}
	t.out.WriteByte('\\')
	t.copy(1)
	return nil
}

func (t *translator) parts(parts string, inClass bool) {
	if !inClass {
		parts = "[" + parts + "]"
	}
	t.out.WriteString(parts)
}

// boundary translates an assertion.
func (t *translator) boundary(inClass bool) error {
	switch c := t.rest[0]; {
	case inClass && (c == 'A' || c == 'z' || c == 'B'):
		return errPattern
	case inClass, c == '<', c == '>', strings.HasPrefix(t.rest[1:], "{"):
		return errDialect
	case c == 'b', c == 'B':
		t.words = true
	}
	t.out.WriteByte('\\')
	t.copy(1)
	return nil
}

// property translates \pL, \p{Greek} and \p{Script=Greek}.
func (t *translator) property(c byte) error {
	name, n := "", 0
	switch rest := t.rest[1:]; {
	case strings.HasPrefix(rest, "{"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return errPattern
		}
		name, n = rest[1:end], end+2
	case rest == "":
		return errPattern
	default:
		_, size := utf8.DecodeRuneInString(rest)
		name, n = rest[:size], 1+size
	}
	kind, value, ok := strings.Cut(name, "=")
	if ok {
		if name = value; !strings.EqualFold(kind, "script") && !strings.EqualFold(kind, "sc") &&
			!strings.EqualFold(kind, "gc") && !strings.EqualFold(kind, "general_category") {
			return errDialect
		}
	}
	if unicode.Categories[name] == nil && unicode.Scripts[name] == nil {
		return errDialect // Rust knows more names, and these in other spellings
	}
	t.rest = t.rest[n:]
	t.out.WriteString(`\` + string(rune(c)) + "{" + name + "}")
	return nil
}

// codepoint translates \x41, \u0041, \U00000041 and these with braces.
func (t *translator) codepoint() error {
	width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[t.rest[0]]
	text, n := "", 0
	if rest := t.rest[1:]; strings.HasPrefix(rest, "{") {
		end := strings.IndexByte(rest, '}')
		if end < 2 {
			return errPattern
		}
		text, n = rest[1:end], end+2
	} else if len(rest) >= width {
		text, n = rest[:width], 1+width
	}
	r, err := strconv.ParseUint(text, 16, 32)
	if err != nil || !utf8.ValidRune(rune(r)) {
		return errPattern
	}
	t.rest = t.rest[n:]
	fmt.Fprintf(&t.out, `\x{%x}`, r)
	return nil
}

// class translates what is in brackets. Rust has operations of classes; of these only a class within
// another one is translated, as its parts.
func (t *translator) class() error {
	t.copy(1)
	if strings.HasPrefix(t.rest, "^") {
		t.copy(1)
	}
	if strings.HasPrefix(t.rest, "]") {
		t.out.WriteByte('\\')
		t.copy(1)
	}
	depth := 1
	for t.rest != "" {
		switch c := t.rest[0]; {
		case c == '\\':
			t.rest = t.rest[1:]
			if err := t.escape(true); err != nil {
				return err
			}
		case strings.HasPrefix(t.rest, "[:"):
			if err := t.named(); err != nil {
				return err
			}
		case strings.HasPrefix(t.rest, "[^"), strings.HasPrefix(t.rest, "[]"):
			return errDialect
		case c == '[':
			t.rest = t.rest[1:]
			depth++
		case c == ']':
			if depth--; depth == 0 {
				t.copy(1)
				return nil
			}
			t.rest = t.rest[1:]
		case strings.HasPrefix(t.rest, "&&"), strings.HasPrefix(t.rest, "--"), strings.HasPrefix(t.rest, "~~"):
			return errDialect
		default:
			_, size := utf8.DecodeRuneInString(t.rest)
			t.copy(size)
		}
	}
	return errPattern
}

// named translates [:alpha:].
func (t *translator) named() error {
	end := strings.Index(t.rest, ":]")
	if end < 0 {
		return errDialect
	}
	t.copy(end + 2)
	return nil
}
