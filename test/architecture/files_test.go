// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const licence = "SPDX-License-Identifier: Apache-2.0"

func TestEveryFileHasItsLicence(t *testing.T) {
	files(t, func(name string) {
		switch filepath.Ext(name) {
		case ".go", ".proto", ".sh", ".toml", ".service", ".target", ".in", ".c", ".h", ".S":
		default:
			return
		}
		// A file beside go.mod is none of the module: it has no package there.
		if filepath.Dir(name) == "." && filepath.Ext(name) == ".go" {
			return
		}
		lines := strings.SplitN(read(t, name), "\n", 3)
		if !slices.ContainsFunc(lines[:min(2, len(lines))], func(l string) bool { return strings.Contains(l, licence) }) {
			t.Errorf("%s does not begin with %q", name, licence)
		}
	})
}

func TestEveryPackageIsDescribed(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.sources()) == 0 {
			continue // only tests: their doc.go would be the package
		}
		if !slices.Contains(p.sources(), "doc.go") {
			t.Errorf("%s has no doc.go", p.path())
			continue
		}
		for _, f := range p.parse(t) {
			if filepath.Base(f.name) != "doc.go" {
				continue
			}
			if f.Doc == nil || len(strings.Fields(f.Doc.Text())) < 15 {
				t.Errorf("%s does not say what the package owns and promises", f.name)
			}
		}
	}
}

func TestPackageNamesSayWhatIsInside(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "base", "shared", "lib"}
	good := regexp.MustCompile(`^[a-z][a-z0-9]*(_test)?$`)
	for _, p := range packages(t) {
		if slices.Contains(empty, p.Name) || !good.MatchString(p.Name) {
			t.Errorf("%s: a package is named by one lower-case noun, not %q", p.path(), p.Name)
		}
	}
}

// inits are the only places that do work before main, with the reason.
var inits = map[string]string{
	"guest/boot/reexec/reexec.go": "a container's first process enters here, and the main goroutine stays on the main thread",
	"cmd/kata-agent/main.go":      "the main goroutine stays on the main thread",
}

func TestNoWorkBeforeMain(t *testing.T) {
	for _, p := range packages(t) {
		if within(p.path(), "test") {
			continue
		}
		for _, f := range p.parse(t) {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if ok && fn.Recv == nil && fn.Name.Name == "init" && inits[f.name] == "" {
					t.Errorf("%s: every container start would pay for this init", f.line(fn))
				}
			}
		}
	}
}

// strays are files of actors with a goroutine outside core.Go, with the reason.
var strays = map[string]string{
	"actors/container/container.go": "reaps a process that was killed before it had an actor",
	"actors/process/process.go":     "reaps a process whose actor has ended, when there is no turn any more",
}

// TestActorsShareNothing finds a lock or a goroutine in an actor: state is
// guarded by the mailbox, and work off the mailbox goes through core.Go.
func TestActorsShareNothing(t *testing.T) {
	for _, p := range packages(t) {
		if !within(p.path(), "actors") || within(p.path(), "actors/core") {
			continue
		}
		for _, f := range p.parse(t) {
			ast.Inspect(f.File, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					if strays[f.name] == "" {
						t.Errorf("%s: a goroutine that core does not know", f.line(n))
					}
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "sync" && strings.HasSuffix(n.Sel.Name, "Mutex") {
						t.Errorf("%s: sync.%s in an actor", f.line(n), n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestReadmeListsEveryCall compares the table of what works with the table of
// services.
func TestReadmeListsEveryCall(t *testing.T) {
	readme := read(t, "README.md")
	for line := range strings.Lines(read(t, "protocols/testdata/services.csv")) {
		columns := strings.Split(line, ",")
		if !strings.HasPrefix(columns[1], "grpc.") {
			continue // services of guest components, which the agent calls
		}
		row := regexp.MustCompile(`(?m)^\| ` + columns[2] + ` +\| (yes|not yet) +\|`)
		if !row.MatchString(readme) {
			t.Errorf("README.md has no row \"| %s | yes |\" (or not yet)", columns[2])
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	files(t, func(name string) {
		if filepath.Ext(name) != ".md" {
			return
		}
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	})
}
