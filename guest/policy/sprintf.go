// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// sprintf formats as the engine does that policies are written for: fewer verbs than Go has, and
// undefined where the arguments do not fit.
func sprintf(_ topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
	format, ok := operands[0].Value.(ast.String)
	args, list := operands[1].Value.(*ast.Array)
	if !ok || !list {
		return nil
	}
	f := formatter{rest: string(format)}
	for i := range args.Len() {
		f.args = append(f.args, args.Elem(i).Value)
	}
	if !f.run() || len(f.args) > 0 {
		return nil
	}
	return iter(ast.StringTerm(f.out.String()))
}

type formatter struct {
	out  strings.Builder
	rest string
	args []ast.Value
}

// verb is one place of a format.
type verb struct {
	name  rune
	flag  byte // '0': zeros up to width, '.': width decimals, ' ': blanks up to width
	width int
}

// run formats all; false is undefined.
func (f *formatter) run() bool {
	for {
		text, rest, found := strings.Cut(f.rest, "%")
		f.out.WriteString(text)
		if !found {
			return true
		}
		if f.rest = rest; strings.HasPrefix(rest, "%") {
			f.out.WriteByte('%')
			f.rest = rest[1:]
			continue
		}
		v, ok := f.verb()
		if !ok || len(f.args) == 0 {
			return false
		}
		arg := f.args[0]
		f.args = f.args[1:]
		if !f.write(v, arg) {
			return false
		}
	}
}

// maxWidth bounds what a format may ask for.
const maxWidth = 1 << 16

func (f *formatter) verb() (v verb, ok bool) {
	v.flag = ' '
	if f.rest != "" && (f.rest[0] == '.' || f.rest[0] == '0') {
		v.flag = f.rest[0]
		f.rest = f.rest[1:]
	}
	for f.rest != "" && f.rest[0] >= '0' && f.rest[0] <= '9' && v.width < maxWidth {
		v.width = v.width*10 + int(f.rest[0]-'0')
		f.rest = f.rest[1:]
	}
	r, size := utf8.DecodeRuneInString(f.rest)
	v.name = r
	f.rest = f.rest[size:]
	return v, size > 0
}

func (f *formatter) write(v verb, arg ast.Value) bool {
	switch v.name {
	case 's', 'v':
		f.out.WriteString(show(arg))
		return true
	}
	if n, ok := arg.(ast.Number); ok {
		return f.number(v, numberOf(n))
	}
	switch v.name {
	case 'T', '#', 'q', 'p':
		return false
	case '+': // a flag, which is not one here: what follows it goes
		_, size := utf8.DecodeRuneInString(f.rest)
		next := f.rest[:size]
		f.rest = f.rest[size:]
		return next != "v"
	}
	return true // nothing is written
}

// bases are the verbs of whole numbers.
var bases = map[rune]struct {
	base   int
	prefix string
}{'d': {10, ""}, 'b': {2, ""}, 'o': {8, "0O"}, 'O': {8, "0o"}, 'x': {16, ""}, 'X': {16, ""}}

func (f *formatter) number(v verb, n number) bool {
	if b, ok := bases[v.name]; ok && n.isInteger() {
		i := n.integer()
		text := b.prefix + new(big.Int).Abs(i).Text(b.base)
		if v.name == 'X' {
			text = strings.ToUpper(text)
		}
		if i.Sign() < 0 {
			f.out.WriteByte('-')
		}
		if v.name == 'b' {
			v.width = 0
		}
		f.out.WriteString(v.padded(text))
		return true
	}
	switch v.name {
	case 'c':
		if !n.isInteger() || !n.integer().IsInt64() || !utf8.ValidRune(rune(n.integer().Int64())) {
			return false
		}
		f.out.WriteRune(rune(n.integer().Int64()))
	case 'e':
		f.out.WriteString(n.scientific())
	case 'E':
		f.out.WriteString(strings.ToUpper(n.scientific()))
	case 'f', 'F':
		if v.flag == '.' {
			f.out.WriteString(strconv.FormatFloat(n.asFloat(), 'f', v.width, 64))
			return true
		}
		f.out.WriteString(v.padded(n.decimal()))
	case 'g', 'G':
		text := "0"
		if !n.zero() {
			text = n.scientific()
		}
		if v.name == 'G' {
			text = strings.ToUpper(text)
		}
		f.out.WriteString(text)
	default:
		return false
	}
	return true
}

// padded fills a text up in front.
func (v verb) padded(text string) string {
	if missing := v.width - len(text); missing > 0 && v.flag != '.' {
		fill := " "
		if v.flag == '0' {
			fill = "0"
		}
		return strings.Repeat(fill, missing) + text
	}
	return text
}
