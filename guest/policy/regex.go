// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Policies are written for regular expressions of Rust, whose classes know all of Unicode. OPA has
// Go's. A pattern is translated; one that Rust refuses is undefined, as it is there; one that Rust
// knows and Go cannot do ends the evaluation with an error.
var (
	errPattern = errors.New("regular expression is invalid")
	errDialect = errors.New("regular expression is not supported")
)

// translated is a pattern in Go's syntax.
type translated struct {
	pattern string
	words   bool // \b is in it, which Go has for ASCII only
	err     error
}

// patterns has translations, as many as a policy has patterns or texts that it makes some of.
var patterns struct {
	mu   sync.Mutex
	wide map[string]translated // for texts with other characters than ASCII
	thin map[string]translated
}

const maxPatterns = 512

// translate returns a pattern for a text.
func translate(pattern, text string) (string, error) {
	thin := ascii(text)
	patterns.mu.Lock()
	defer patterns.mu.Unlock()
	known := &patterns.wide
	if thin {
		known = &patterns.thin
	}
	t, ok := (*known)[pattern]
	if !ok {
		t = newTranslation(pattern, thin)
		if *known == nil || len(*known) >= maxPatterns {
			*known = map[string]translated{}
		}
		(*known)[pattern] = t
	}
	if t.err == nil && t.words && !thin {
		return "", fmt.Errorf("%w: %q has a word boundary, the text other letters than ASCII", errDialect, pattern)
	}
	return t.pattern, t.err
}

func newTranslation(pattern string, thin bool) (t translated) {
	tr := translator{rest: pattern, thin: thin}
	if t.err = tr.run(); t.err != nil {
		t.err = fmt.Errorf("%w: %q", t.err, pattern)
		return t
	}
	t.pattern, t.words = tr.out.String(), tr.words
	_, err := syntax.Parse(t.pattern, syntax.Perl)
	var reason *syntax.Error
	if !errors.As(err, &reason) {
		return t
	}
	switch reason.Code {
	case syntax.ErrInvalidRepeatSize, syntax.ErrLarge, syntax.ErrNestingDepth:
		t.err = fmt.Errorf("%w: %w", errDialect, reason)
	default:
		t.err = fmt.Errorf("%w: %w", errPattern, reason)
	}
	return t
}

// regex makes a function with a pattern of the one there is. Its operands have the pattern and the
// text at these places.
func regex(other topdown.BuiltinFunc, pattern, text int) topdown.BuiltinFunc {
	return func(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		p, ok := operands[pattern].Value.(ast.String)
		s, both := operands[text].Value.(ast.String)
		if !ok || !both {
			return other(c, operands, iter)
		}
		to, err := translate(string(p), string(s))
		switch {
		case errors.Is(err, errDialect):
			return halt(c, err)
		case err != nil:
			return err
		case to == string(p):
			return other(c, operands, iter)
		}
		changed := append([]*ast.Term(nil), operands...)
		changed[pattern] = ast.StringTerm(to)
		return other(c, changed, iter)
	}
}

// validRegex says whether a pattern is one.
func validRegex(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
	p, ok := operands[0].Value.(ast.String)
	if !ok {
		return iter(ast.InternedTerm(false))
	}
	_, err := translate(string(p), "")
	if errors.Is(err, errDialect) {
		return halt(c, err)
	}
	return iter(ast.InternedTerm(err == nil))
}
