// SPDX-License-Identifier: Apache-2.0

package document

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/sys/unix"
)

// Input is a request as rules see it.
type Input struct{ Request protocols.Message }

// Value is the document. Without bytes the content that the request carries is left out.
func (in Input) Value(bytes bool) ast.Value {
	if q, ok := in.Request.(*protocols.CopyFileRequest); ok {
		return copyFile(q)
	}
	return object(in.Request, bytes)
}

// IDs name the container and the process that the request is about, "" for none.
func (in Input) IDs() (container, exec string) {
	if r, ok := in.Request.(interface{ GetContainerId() string }); ok {
		container = r.GetContainerId()
	}
	if r, ok := in.Request.(interface{ GetExecId() string }); ok {
		exec = r.GetExecId()
	}
	return container, exec
}

var errSymlink = errors.New("invalid symlink content")

// Check finds requests that have no document.
func (in Input) Check() error {
	q, ok := in.Request.(*protocols.CopyFileRequest)
	if ok && q.FileMode&unix.S_IFMT == unix.S_IFLNK && !utf8.Valid(q.Data) {
		return fmt.Errorf("parsing CopyFileRequest for policy: %w", errSymlink)
	}
	return nil
}

// copyFile is what rules see of a file: everything but its content.
func copyFile(q *protocols.CopyFileRequest) ast.Value {
	kind, target := "Unknown", ast.NullTerm()
	switch q.FileMode & unix.S_IFMT {
	case unix.S_IFREG:
		kind = "Regular"
	case unix.S_IFDIR:
		kind = "Directory"
	case unix.S_IFLNK:
		kind, target = "Symlink", ast.StringTerm(string(q.Data))
	}
	return ast.NewObject(
		ast.Item(ast.InternedTerm("path"), ast.StringTerm(q.Path)),
		ast.Item(ast.InternedTerm("file_type"), ast.StringTerm(kind)),
		ast.Item(ast.InternedTerm("symlink_target"), target),
		ast.Item(ast.InternedTerm("file_size"), signed(q.FileSize)),
		ast.Item(ast.InternedTerm("file_mode"), unsigned(uint64(q.FileMode))),
		ast.Item(ast.InternedTerm("dir_mode"), unsigned(uint64(q.DirMode))),
		ast.Item(ast.InternedTerm("uid"), signed(int64(q.Uid))),
		ast.Item(ast.InternedTerm("gid"), signed(int64(q.Gid))),
		ast.Item(ast.InternedTerm("offset"), signed(q.Offset)),
	)
}
