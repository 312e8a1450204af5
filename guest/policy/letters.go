// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"sync"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// ofText makes a function of one text.
func ofText(compute func(string) string) topdown.BuiltinFunc {
	return func(_ topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		s, ok := operands[0].Value.(ast.String)
		if !ok {
			return nil
		}
		return iter(ast.StringTerm(compute(string(s))))
	}
}

// long are the letters whose capital is more than one (Unicode's SpecialCasing.txt), in the order of
// their numbers, and capitals what they become.
const (
	long = "" +
		"\u00df\u0149\u01f0\u0390\u03b0\u0587\u1e96\u1e97\u1e98\u1e99\u1e9a\u1f50" +
		"\u1f52\u1f54\u1f56\u1f80\u1f81\u1f82\u1f83\u1f84\u1f85\u1f86\u1f87\u1f88" +
		"\u1f89\u1f8a\u1f8b\u1f8c\u1f8d\u1f8e\u1f8f\u1f90\u1f91\u1f92\u1f93\u1f94" +
		"\u1f95\u1f96\u1f97\u1f98\u1f99\u1f9a\u1f9b\u1f9c\u1f9d\u1f9e\u1f9f\u1fa0" +
		"\u1fa1\u1fa2\u1fa3\u1fa4\u1fa5\u1fa6\u1fa7\u1fa8\u1fa9\u1faa\u1fab\u1fac" +
		"\u1fad\u1fae\u1faf\u1fb2\u1fb3\u1fb4\u1fb6\u1fb7\u1fbc\u1fc2\u1fc3\u1fc4" +
		"\u1fc6\u1fc7\u1fcc\u1fd2\u1fd3\u1fd6\u1fd7\u1fe2\u1fe3\u1fe4\u1fe6\u1fe7" +
		"\u1ff2\u1ff3\u1ff4\u1ff6\u1ff7\u1ffc\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05" +
		"\ufb06\ufb13\ufb14\ufb15\ufb16\ufb17"
	capitals = "" +
		"SS \u02bcN J\u030c \u0399\u0308\u0301 \u03a5\u0308\u0301 \u0535\u0552 " +
		"H\u0331 T\u0308 W\u030a Y\u030a A\u02be \u03a5\u0313 " +
		"\u03a5\u0313\u0300 \u03a5\u0313\u0301 \u03a5\u0313\u0342 \u1f08\u0399 \u1f09\u0399 \u1f0a\u0399 " +
		"\u1f0b\u0399 \u1f0c\u0399 \u1f0d\u0399 \u1f0e\u0399 \u1f0f\u0399 \u1f08\u0399 " +
		"\u1f09\u0399 \u1f0a\u0399 \u1f0b\u0399 \u1f0c\u0399 \u1f0d\u0399 \u1f0e\u0399 " +
		"\u1f0f\u0399 \u1f28\u0399 \u1f29\u0399 \u1f2a\u0399 \u1f2b\u0399 \u1f2c\u0399 " +
		"\u1f2d\u0399 \u1f2e\u0399 \u1f2f\u0399 \u1f28\u0399 \u1f29\u0399 \u1f2a\u0399 " +
		"\u1f2b\u0399 \u1f2c\u0399 \u1f2d\u0399 \u1f2e\u0399 \u1f2f\u0399 \u1f68\u0399 " +
		"\u1f69\u0399 \u1f6a\u0399 \u1f6b\u0399 \u1f6c\u0399 \u1f6d\u0399 \u1f6e\u0399 " +
		"\u1f6f\u0399 \u1f68\u0399 \u1f69\u0399 \u1f6a\u0399 \u1f6b\u0399 \u1f6c\u0399 " +
		"\u1f6d\u0399 \u1f6e\u0399 \u1f6f\u0399 \u1fba\u0399 \u0391\u0399 \u0386\u0399 " +
		"\u0391\u0342 \u0391\u0342\u0399 \u0391\u0399 \u1fca\u0399 \u0397\u0399 \u0389\u0399 " +
		"\u0397\u0342 \u0397\u0342\u0399 \u0397\u0399 \u0399\u0308\u0300 \u0399\u0308\u0301 \u0399\u0342 " +
		"\u0399\u0308\u0342 \u03a5\u0308\u0300 \u03a5\u0308\u0301 \u03a1\u0313 \u03a5\u0342 \u03a5\u0308\u0342 " +
		"\u1ffa\u0399 \u03a9\u0399 \u038f\u0399 \u03a9\u0342 \u03a9\u0342\u0399 \u03a9\u0399 " +
		"FF FI FL FFI FFL ST " +
		"ST \u0544\u0546 \u0544\u0535 \u0544\u053b \u054e\u0546 \u0544\u053d"
)

var longCapitals = sync.OnceValue(func() map[rune]string {
	m := map[rune]string{}
	parts := strings.Fields(capitals)
	for i, r := range []rune(long) {
		m[r] = parts[i]
	}
	return m
})

// upper is a text in capitals.
func upper(text string) string {
	if ascii(text) {
		return strings.ToUpper(text)
	}
	special := longCapitals()
	var b strings.Builder
	for _, r := range text {
		if to, ok := special[r]; ok {
			b.WriteString(to)
			continue
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// lower is a text in small letters. A sigma that ends a word has a letter of its own.
func lower(text string) string {
	if ascii(text) {
		return strings.ToLower(text)
	}
	var b strings.Builder
	all := []rune(text)
	for i, r := range all {
		switch {
		case r == '\u0130':
			b.WriteString("i\u0307")
		case r == '\u03a3' && endsWord(all, i):
			b.WriteRune('\u03c2')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// endsWord says whether a letter is before the place and none after it, marks aside.
func endsWord(all []rune, at int) bool {
	return lettered(all, at-1, -1) && !lettered(all, at+1, 1)
}

func lettered(all []rune, at, step int) bool {
	for ; at >= 0 && at < len(all); at += step {
		r := all[at]
		if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:\u00b7\u2018\u2019", r) {
			continue
		}
		return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
	}
	return false
}

// ascii says whether a text has ASCII characters only.
func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
