// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// ErrText is what an error of Compile wraps.
var ErrText = errors.New("policy is not usable")

// Package is the package whose rules decide.
const Package = "agent_policy"

// Policy is a compiled document.
type Policy struct {
	compiler *ast.Compiler
	mu       sync.RWMutex
	rules    map[string]*rule // by name, those that have been asked for
	// bytes says that some rule may read the content that a request carries.
	bytes bool
}

// Compile compiles a document. name is what prints and errors call it: its path, or Package for one
// that came in a request. The error says what is wrong and where.
func Compile(name, text string) (p *Policy, err error) {
	defer func() {
		if value := recover(); value != nil { // of the library, on a text nobody has thought of
			p, err = nil, fmt.Errorf("%w: %s:1: cannot be compiled: %v", ErrText, name, value)
		}
	}()
	override()
	if err := limited(text); err != nil {
		return nil, fmt.Errorf("%w: %s:%w", ErrText, name, err)
	}
	module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities()})
	if err == nil {
		err = acceptable(name, module)
	}
	if err != nil {
		return nil, refused(err)
	}
	forgive(module)
	// The rewrite would hide variables that are not bound.
	if _, err := compile(name, module.Copy(), ast.StageCheckSafetyRuleBodies); err != nil {
		return nil, refused(err)
	}
	rewrite(module)
	compiler, err := compile(name, module, "")
	if err != nil {
		return nil, refused(err)
	}
	p = &Policy{compiler: compiler, rules: map[string]*rule{}}
	p.bytes = p.readsBytes()
	return p, nil
}

// acceptable refuses what parses and would be of no use.
func acceptable(name string, module *ast.Module) error {
	if module == nil {
		return fmt.Errorf("%s: empty", name)
	}
	if got := module.Package.Path.String(); got != "data."+Package {
		return fmt.Errorf("%s: package %s, want %s", module.Package.Loc(), strings.TrimPrefix(got, "data."), Package)
	}
	if err := uncertain(module); err != nil {
		return err
	}
	return surplus(module)
}

// compile runs the compiler's stages up to one, or all. Types are not checked: the rules that Kata's
// generator writes would not pass.
func compile(name string, module *ast.Module, upTo ast.StageID) (*ast.Compiler, error) {
	c := ast.NewCompiler().
		WithCapabilities(capabilities()).
		WithBuiltins(extraBuiltins).
		WithEnablePrintStatements(true).
		WithDefaultRegoVersion(ast.RegoV1).
		WithSkipStages(ast.StageCheckTypes)
	if upTo != "" {
		c = c.WithOnlyStagesUpTo(upTo)
	}
	c.Compile(map[string]*ast.Module{name: module})
	if c.Failed() {
		return nil, c.Errors
	}
	return c, nil
}

// maxErrors bounds how many of a document's errors are told.
const maxErrors = 5

// refused makes an error in one line.
func refused(err error) error {
	var all ast.Errors
	if !errors.As(err, &all) {
		return fmt.Errorf("%w: %w", ErrText, err)
	}
	texts := make([]string, 0, maxErrors)
	for _, e := range all[:min(len(all), maxErrors)] {
		texts = append(texts, e.Location.String()+": "+e.Message)
	}
	if len(all) > maxErrors {
		texts = append(texts, fmt.Sprintf("and %d more", len(all)-maxErrors))
	}
	return fmt.Errorf("%w: %s", ErrText, strings.Join(texts, "; "))
}
