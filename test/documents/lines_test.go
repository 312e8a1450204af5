// SPDX-License-Identifier: Apache-2.0

package documents

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// line is a command that a reader sees.
type line struct {
	place string // file:line
	text  string // without the comment behind it
	// shown is what the document says the command prints; numbers are any, and … is anything.
	shown []string
}

// block is what a reader gives one after another.
type block struct {
	place string
	lines []line
}

// text is all of a block.
func (b block) text() string {
	var all []string
	for _, l := range b.lines {
		all = append(all, l.text)
	}
	return strings.Join(all, "\n")
}

var (
	fence = regexp.MustCompile("^ *```([a-z]*)$")
	// remark is a comment behind a command.
	remark = regexp.MustCompile(`\s+#( .*)?$`)
)

// markdown takes the blocks of shell out of a document: those marked sh, console or bash, and those
// without a mark in which commands have a prompt.
func markdown(path, text string) (blocks []block) {
	var b *block
	kind, begun := "", false
	for i, l := range strings.Split(text, "\n") {
		if m := fence.FindStringSubmatch(l); m != nil {
			if begun = !begun; begun {
				kind, b = m[1], &block{place: fmt.Sprintf("%s:%d", path, i+1)}
			} else if len(b.lines) > 0 {
				blocks = append(blocks, *b)
			}
			continue
		}
		if !begun || strings.TrimSpace(l) == "" {
			continue
		}
		shell := slices.Contains([]string{"sh", "console", "bash"}, kind)
		command, prompt := strings.CutPrefix(strings.TrimSpace(l), "$ ")
		switch {
		case shell && kind != "console" || prompt && (shell || kind == ""):
			b.add(fmt.Sprintf("%s:%d", path, i+1), command)
		case len(b.lines) > 0:
			last := &b.lines[len(b.lines)-1]
			last.shown = append(last.shown, l)
		}
	}
	return blocks
}

// add appends a line, or continues the one before. Comments are left out.
func (b *block) add(place, text string) {
	if n := len(b.lines); n > 0 && strings.HasSuffix(b.lines[n-1].text, `\`) {
		last := &b.lines[n-1]
		last.text = strings.TrimRight(strings.TrimSuffix(last.text, `\`), " ") + " " + text
		return
	}
	if text = remark.ReplaceAllString(text, ""); text != "" && !strings.HasPrefix(text, "#") {
		b.lines = append(b.lines, line{place: place, text: text})
	}
}

// documents are the blocks of all Markdown files of the tree.
func documents(t *testing.T) (blocks []block) {
	t.Helper()
	list := exec.Command("git", "ls-files", "*.md")
	list.Dir = harness.ModuleRoot()
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		text, err := os.ReadFile(filepath.Join(list.Dir, path))
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, markdown(path, string(text))...)
	}
	return blocks
}

// examples takes the blocks out of a help text: what is indented below "Examples:", or all of a text
// of examples. Each paragraph is a block.
func examples(t *testing.T, command, text string, whole bool) (blocks []block) {
	t.Helper()
	inside := whole
	b := block{}
	done := func() {
		if len(b.lines) > 0 {
			blocks = append(blocks, b)
		}
		b = block{place: command}
	}
	done()
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\n")
		switch {
		case l == "Examples:":
			inside = true
		case l != "" && !strings.HasPrefix(l, " "):
			done()
			inside = whole
		case inside && strings.TrimSpace(l) != "":
			text := strings.TrimSpace(l)
			b.add(source(t, text, command), text)
			if !whole && !strings.HasSuffix(text, `\`) { // one example has nothing to do with the next
				done()
			}
		}
	}
	done()
	return blocks
}

// source is where the client's source has a line of its help, or the command if that is put together.
func source(t *testing.T, text, command string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.ModuleRoot(), "cmd/kata-agent-ctl/*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of kata-agent-ctl: %v", err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if before, _, ok := strings.Cut(string(content), text); ok {
			return fmt.Sprintf("cmd/kata-agent-ctl/%s:%d", filepath.Base(f), strings.Count(before, "\n")+1)
		}
	}
	return command + " --help"
}

// help are the blocks of all help texts of the client and of the agent.
func help(t *testing.T, tools string) (blocks []block) {
	t.Helper()
	ctl := filepath.Join(tools, "kata-agent-ctl")
	ask := func(program string, args ...string) string {
		out, err := exec.CommandContext(harness.Context(t), program, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", filepath.Base(program), args, err)
		}
		return string(out)
	}
	var below func(path ...string)
	below = func(path ...string) {
		text := ask(ctl, append(slices.Clone(path), "--help")...)
		blocks = append(blocks, examples(t, strings.Join(append([]string{"kata-agent-ctl"}, path...), " "), text, false)...)
		for _, sub := range subcommands(text) {
			below(append(slices.Clone(path), sub)...)
		}
	}
	below()
	below("man") // not in the list of commands
	blocks = append(blocks, examples(t, "kata-agent-ctl examples", ask(ctl, "examples"), true)...)
	return append(blocks, examples(t, "kata-agent", ask(filepath.Join(tools, "kata-agent"), "--help"), false)...)
}

// subcommands are the words below the titles of a help text that list commands.
func subcommands(help string) (names []string) {
	listed := false
	_, help, _ = strings.Cut(help, "\nUsage:\n")
	for l := range strings.Lines(help) {
		l = strings.TrimRight(l, "\n")
		switch {
		case l != "" && !strings.HasPrefix(l, " "):
			listed = strings.HasSuffix(l, ":") && !slices.Contains([]string{"Aliases:", "Examples:", "Flags:", "Global Flags:"}, l)
		case listed && len(strings.Fields(l)) > 1:
			if name := strings.Fields(l)[0]; name != "help" && name != "completion" {
				names = append(names, name)
			}
		}
	}
	return names
}
