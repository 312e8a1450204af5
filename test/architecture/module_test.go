// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/kata-containers/kata-agent"
	root   = "../.."
	tags   = "seccomp,netgo,osusergo,agent_policy"
)

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath   string
	Dir          string
	Name         string
	Standard     bool
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// path is the package's place in the module, "guest/mount".
func (p pkg) path() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func (p pkg) sources() []string { return append(append([]string(nil), p.GoFiles...), p.CgoFiles...) }

// within reports whether path is dir or below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// goList runs go list -json in the module's root.
func goList(args ...string) ([]pkg, error) {
	cmd := exec.Command("go", append([]string{"list", "-e", "-json", "-tags", tags}, args...)...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.Bytes())
	}
	var packages []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

var listed = sync.OnceValues(func() ([]pkg, error) { return goList("./...") })

// packages returns the packages of the module, but for one in its root, which
// is no part of it.
func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	var out []pkg
	for _, p := range all {
		if p.ImportPath != module {
			out = append(out, p)
		}
	}
	if len(out) < 10 {
		t.Fatalf("go list finds %d packages only", len(out))
	}
	return out
}

// source is a parsed file.
type source struct {
	name string // from the module's root
	*ast.File
	fset *token.FileSet
}

func (s source) line(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(n.Pos()).Line)
}

// parse returns the files of p that people write, without tests.
func (p pkg) parse(t *testing.T) []source {
	t.Helper()
	var out []source
	fset := token.NewFileSet()
	for _, name := range p.sources() {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.IsGenerated(f) {
			out = append(out, source{p.path() + "/" + name, f, fset})
		}
	}
	return out
}

// files calls visit with every file of the tree, by its name from the root.
func files(t *testing.T, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		switch {
		case d.IsDir() && (name == ".git" || name == "bin" || name == "out"):
			return fs.SkipDir
		case d.Type().IsRegular():
			visit(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
