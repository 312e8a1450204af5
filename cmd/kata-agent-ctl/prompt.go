// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// prompt is a source of lines that somebody types, with the editing keys of a shell if in is a
// terminal: the lines before (up, down), and tab, which completes the name of a call. The terminal is
// raw only while a line is typed.
func prompt(in, out *os.File) script.Source {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return script.Read(in, "")
	}
	screen := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "agent> ")
	screen.AutoCompleteCallback = completeLine
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

// builtins are the commands of this program that completion knows.
var builtins = []string{"echo", "help", "list", "quit", "repeat", "sleep"}

// completeLine completes the first word of a line at a tab: as far as all commands that begin with it
// are the same, and with a blank if there is one only.
func completeLine(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || strings.ContainsRune(line[:pos], ' ') {
		return "", 0, false
	}
	var found []string
	for _, m := range client.Methods() {
		found = append(found, m.Method)
	}
	found = slices.DeleteFunc(append(found, builtins...), func(name string) bool {
		return len(name) < pos || !strings.EqualFold(name[:pos], line[:pos])
	})
	if len(found) == 0 {
		return line, pos, true // the tab is no part of a command
	}
	word := found[0]
	for _, name := range found {
		word = word[:shared(word, name)]
	}
	if len(found) == 1 {
		word += " "
	}
	return word + line[pos:], len(word), true
}

// shared is how long the beginning is that two words have in common.
func shared(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// endedByInterrupt is a context that INT ends, and a SIGINT of its own only.
func endedByInterrupt(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	got := make(chan os.Signal, 1)
	signal.Notify(got, unix.SIGINT)
	go func() {
		select {
		case <-got:
			cancel(interrupt(unix.SIGINT))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(got); cancel(nil) }
}
