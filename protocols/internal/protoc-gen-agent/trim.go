// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"sort"
	"strings"
)

// unusedMethods serve reflection over descriptors and gogo's table-driven code. Each message has
// Marshal, Unmarshal and Size of its own, which proto.Marshal and its like prefer.
var unusedMethods = map[string]bool{
	"Descriptor": true, "EnumDescriptor": true,
	"XXX_Unmarshal": true, "XXX_Marshal": true, "XXX_Merge": true, "XXX_Size": true,
	"XXX_DiscardUnknown": true,
}

// A span is a range of bytes of the source to be left out.
type span struct{ from, to int }

// trim cuts from one generated file what the agent does not use, and turns errors made with
// fmt.Errorf at package level into errors.New, which the compiler lays out as data.
func trim(name, src string) (string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.ParseComments)
	if err != nil {
		return "", fmt.Errorf("parse generated %s: %w", name, err)
	}
	var cuts []span
	cut := func(n ast.Node, doc *ast.CommentGroup) {
		from := n.Pos()
		if doc != nil {
			from = doc.Pos()
		}
		cuts = append(cuts, span{fset.Position(from).Offset, fset.Position(n.End()).Offset})
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if isUnusedFunc(d) {
				cut(d, d.Doc)
			}
		case *ast.GenDecl:
			if isUnusedVar(d) {
				cut(d, d.Doc)
			}
		}
	}
	out := remove(src, cuts)
	out = strings.ReplaceAll(out, ` = fmt.Errorf("proto:`, ` = errors.New("proto:`)
	out = strings.Replace(out, "import (\n", "import (\n\terrors \"errors\"\n", 1)
	out = "// SPDX-License-Identifier: Apache-2.0\n\n" + strings.Replace(out, "protoc-gen-gogo", "protoc-gen-agent", 1)
	formatted, err := format.Source([]byte(out))
	if err != nil {
		return "", fmt.Errorf("format trimmed %s: %w", name, err)
	}
	return string(formatted), nil
}

// isUnusedFunc also takes every init: what they register is never looked up, except the enums,
// which package protocols registers on demand.
func isUnusedFunc(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return d.Name.Name == "init"
	}
	return unusedMethods[d.Name.Name]
}

func isUnusedVar(d *ast.GenDecl) bool {
	if d.Tok != token.VAR || len(d.Specs) != 1 {
		return false
	}
	name := d.Specs[0].(*ast.ValueSpec).Names[0].Name
	return strings.HasPrefix(name, "xxx_messageInfo_") || strings.HasPrefix(name, "fileDescriptor_")
}

// remove returns src without the cuts, which do not overlap.
func remove(src string, cuts []span) string {
	sort.Slice(cuts, func(i, j int) bool { return cuts[i].from < cuts[j].from })
	var b strings.Builder
	at := 0
	for _, c := range cuts {
		b.WriteString(src[at:c.from])
		at = c.to
	}
	b.WriteString(src[at:])
	return b.String()
}
