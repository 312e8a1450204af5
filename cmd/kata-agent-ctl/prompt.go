// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"golang.org/x/term"
)

// prompt is a source of lines that somebody types, with the editing keys of a shell if in is a
// terminal. The terminal is raw only while a line is typed.
func prompt(in, out *os.File) script.Source {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return script.Read(in, "")
	}
	screen := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "agent> ")
	return func() (string, string, error) {
		before, err := term.MakeRaw(fd)
		if err != nil {
			return "", "", err
		}
		defer func() { _ = term.Restore(fd, before) }()
		line, err := screen.ReadLine()
		return line, "", err
	}
}
