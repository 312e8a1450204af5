// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// show is how a value is printed: texts as they are, and quoted within other values.
func show(v ast.Value) string {
	if s, ok := v.(ast.String); ok {
		return string(s)
	}
	var b strings.Builder
	writeValue(&b, v, shown)
	return b.String()
}

// compact is a value as JSON without blanks. Sets are lists.
func compact(v ast.Value) string {
	var b strings.Builder
	writeValue(&b, v, packed)
	return b.String()
}

// style is how a value is written.
type style struct {
	comma, colon string
	set          string // the brackets of a set
	number       func(number) string
}

var (
	shown  = style{", ", ": ", "{}", number.decimal}
	packed = style{",", ":", "[]", func(n number) string { text, _ := n.text(); return text }}
)

func writeValue(b *strings.Builder, v ast.Value, s style) {
	switch v := v.(type) {
	case ast.String:
		writeQuoted(b, string(v))
	case ast.Number:
		b.WriteString(s.number(numberOf(v)))
	case *ast.Array:
		writeList(b, s, "[]", v.Foreach)
	case ast.Set:
		writeList(b, s, s.set, v.Foreach)
	case ast.Object:
		separator := "{"
		v.Foreach(func(key, value *ast.Term) {
			b.WriteString(separator)
			writeKey(b, key.Value, s)
			b.WriteString(s.colon)
			writeValue(b, value.Value, s)
			separator = s.comma
		})
		if v.Len() == 0 {
			b.WriteByte('{')
		}
		b.WriteByte('}')
	default:
		b.WriteString(v.String())
	}
}

// writeKey writes the key of an object, which JSON has as text only.
func writeKey(b *strings.Builder, key ast.Value, s style) {
	if _, ok := key.(ast.String); ok || s.set != packed.set {
		writeValue(b, key, s)
		return
	}
	writeQuoted(b, compact(key))
}

func writeList(b *strings.Builder, s style, brackets string, each func(func(*ast.Term))) {
	b.WriteByte(brackets[0])
	separator := ""
	each(func(t *ast.Term) {
		b.WriteString(separator)
		writeValue(b, t.Value, s)
		separator = s.comma
	})
	b.WriteByte(brackets[1])
}

// writeQuoted writes a text as JSON does that escapes no more than it must.
func writeQuoted(b *strings.Builder, text string) {
	b.WriteByte('"')
	for _, r := range text {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			if r < ' ' {
				fmt.Fprintf(b, `\u%04x`, r)
				continue
			}
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// decimal is the number without an exponent.
func (n number) decimal() string {
	if n.whole != nil {
		return n.whole.String()
	}
	return strconv.FormatFloat(n.float, 'f', -1, 64)
}

// scientific is the number with an exponent, which has neither a plus nor leading zeros.
func (n number) scientific() string {
	text := strconv.FormatFloat(n.asFloat(), 'e', -1, 64)
	mantissa, exponent, ok := strings.Cut(text, "e")
	if !ok {
		return text
	}
	power, _ := strconv.Atoi(exponent)
	return mantissa + "e" + strconv.Itoa(power)
}

// JSON is a value as JSON without blanks.
func JSON(v ast.Value) string { return compact(v) }
