// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shortest is the limit of time that a test may have against a hang.
const shortest = time.Minute

// TestTestsDoNotGoByTheClock finds tests that a busy machine fails: limits of time below a minute,
// sleeps in place of a condition, and measured times that are compared. test/guard has what to use
// in their place. In a bubble of testing/synctest time is not the machine's, so all of it is allowed.
// Where it has to be, a comment "clock:" gives the reason, at the line, above it or at the function;
// for one of those a busy machine changes nothing, or only hides a fault.
func TestTestsDoNotGoByTheClock(t *testing.T) {
	reasons := 0
	files(t, func(name string) {
		if !ofTests(name) {
			return
		}
		c := newClocks(t, name)
		c.find()
		reasons += len(c.reasons)
		for _, found := range c.found {
			t.Error(found)
		}
	})
	if reasons == 0 {
		t.Error("no comment \"clock:\" was read")
	}
}

// timed are the places whose purpose is time.
var timed = []string{
	"test/guard", // has the limits
	"test/bench", // measures
	"test/demo",  // shows how long things take
}

// ofTests is whether a file is a test or serves tests only.
func ofTests(name string) bool {
	if filepath.Ext(name) != ".go" {
		return false
	}
	for _, place := range timed {
		if within(name, place) {
			return false
		}
	}
	dir := filepath.Base(filepath.Dir(name))
	return strings.HasSuffix(name, "_test.go") || within(name, "test") || strings.HasSuffix(dir, "test")
}

// clocks looks for uses of the clock in one file.
type clocks struct {
	source
	constants map[string]ast.Expr // of its directory
	wrappers  map[string]bool     // functions of its directory that run their argument in a bubble
	reasons   map[int]bool        // lines with a comment that gives a reason
	bubbles   bool                // the file has tests in synctest
	found     []string
}

var reason = regexp.MustCompile(`clock: (\S+ ){2,}\S+`)

func newClocks(t *testing.T, name string) *clocks {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, filepath.Join(root, name), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	c := &clocks{
		source: source{name, f, fset}, constants: map[string]ast.Expr{}, wrappers: map[string]bool{"synctest.Test": true},
		reasons: map[int]bool{},
	}
	c.lookBeside(t)
	for _, g := range f.Comments {
		if reason.MatchString(g.Text()) {
			for line := fset.Position(g.Pos()).Line; line <= fset.Position(g.End()).Line+1; line++ {
				c.reasons[line] = true
			}
		}
	}
	for _, i := range f.Imports {
		c.bubbles = c.bubbles || i.Path.Value == `"testing/synctest"`
	}
	return c
}

// lookBeside finds the constants of the file's directory, and what of it runs tests in bubbles.
func (c *clocks) lookBeside(t *testing.T) {
	t.Helper()
	beside, err := filepath.Glob(filepath.Join(root, filepath.Dir(c.name), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range beside {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i := range n.Values {
					c.constants[n.Names[i].Name] = n.Values[i]
				}
			case *ast.FuncDecl:
				if !testFunction.MatchString(n.Name.Name) && callsBubble(n) {
					c.wrappers[n.Name.Name] = true
				}
			}
			return true
		})
	}
}

var testFunction = regexp.MustCompile(`^(Test|Fuzz|Benchmark)`)

func callsBubble(fn *ast.FuncDecl) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && called(call) == "synctest.Test"
		return !found
	})
	return found
}

// find looks through all functions but those in bubbles.
func (c *clocks) find() {
	for _, d := range c.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Doc != nil && reason.MatchString(fn.Doc.Text()) {
			continue
		}
		// What a file with bubbles has beside its tests is called in them.
		if c.bubbles && !testFunction.MatchString(fn.Name.Name) {
			continue
		}
		ast.Inspect(fn, c.visit)
	}
}

func (c *clocks) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		if c.wrappers[called(n)] {
			return false
		}
		c.call(n)
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Timeout" {
			c.limit(n, "Timeout", n.Value)
		}
	case *ast.AssignStmt:
		if x, ok := n.Lhs[0].(*ast.SelectorExpr); ok && x.Sel.Name == "Timeout" {
			c.limit(n, "Timeout", n.Rhs[0])
		}
	case *ast.IfStmt:
		c.comparison(n, n.Init, n.Cond)
	case *ast.ForStmt:
		c.comparison(n, n.Init, n.Cond)
	}
	return true
}

// called is the name of a function that is called, "time.Sleep".
func called(n *ast.CallExpr) string {
	if f, ok := n.Fun.(*ast.Ident); ok {
		return f.Name
	}
	if f, ok := n.Fun.(*ast.SelectorExpr); ok {
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
		if x, ok := f.X.(*ast.CallExpr); ok {
			return called(x) + "()." + f.Sel.Name
		}
	}
	return ""
}

func (c *clocks) call(n *ast.CallExpr) {
	switch name := called(n); name {
	case "time.Sleep":
		c.add(n, "a sleep")
	case "context.WithTimeout", "context.WithTimeoutCause":
		c.limit(n, name, n.Args[1])
	case "time.After", "time.NewTimer", "time.AfterFunc", "time.Now().Add":
		c.limit(n, name, n.Args[0])
	}
}

func (c *clocks) limit(n ast.Node, what string, value ast.Expr) {
	// Below a microsecond it is a number of something else, such as the seconds of a hook.
	if d, ok := c.duration(value, 0); ok && d > time.Microsecond && d < shortest {
		c.add(n, fmt.Sprintf("%s of %v, which is below %v", what, d, shortest))
	}
}

// comparison finds "if d := time.Since(start); d > limit" and "if time.Since(start) > limit".
func (c *clocks) comparison(n ast.Node, init ast.Stmt, cond ast.Expr) {
	since, compared := false, false
	look := func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && called(call) == "time.Since" {
			since = true
		}
		if b, ok := n.(*ast.BinaryExpr); ok {
			switch b.Op {
			case token.LSS, token.GTR, token.LEQ, token.GEQ:
				compared = true
			}
		}
		return true
	}
	if init != nil {
		ast.Inspect(init, look)
	}
	if cond != nil {
		ast.Inspect(cond, look)
	}
	if since && compared {
		c.add(n, "a measured time that is compared")
	}
}

func (c *clocks) add(n ast.Node, what string) {
	if !c.reasons[c.fset.Position(n.Pos()).Line] {
		c.found = append(c.found, fmt.Sprintf("%s: %s: use test/guard, or say why after \"clock:\"", c.line(n), what))
	}
}

var units = map[string]time.Duration{
	"Nanosecond": 1, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond,
	"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
}

// duration is the value of an expression of numbers, units and constants.
func (c *clocks) duration(e ast.Expr, depth int) (time.Duration, bool) {
	if depth > 10 {
		return 0, false
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return c.duration(e.X, depth+1)
	case *ast.BasicLit:
		n, err := strconv.Atoi(e.Value)
		return time.Duration(n), err == nil
	case *ast.Ident:
		if value, ok := c.constants[e.Name]; ok {
			return c.duration(value, depth+1)
		}
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name == "time" {
			return units[e.Sel.Name], true
		}
	case *ast.BinaryExpr:
		return c.operation(e, depth)
	}
	return 0, false
}

func (c *clocks) operation(e *ast.BinaryExpr, depth int) (time.Duration, bool) {
	x, ok1 := c.duration(e.X, depth+1)
	y, ok2 := c.duration(e.Y, depth+1)
	if !ok1 || !ok2 {
		return 0, false
	}
	switch e.Op {
	case token.MUL:
		return x * y, true
	case token.ADD:
		return x + y, true
	case token.SUB:
		return x - y, true
	case token.QUO:
		if y != 0 {
			return x / y, true
		}
	}
	return 0, false
}
