// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTraceExample runs the command of docs/tracing.md on its sample, which gives its picture.
func TestTraceExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/tracing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, command, found := strings.Cut(string(doc), "$ kata-agent-ctl ")
	command, _, _ = strings.Cut(command, "\n")
	if !found {
		t.Fatal("docs/tracing.md has no example")
	}
	sample, err := os.ReadFile("../../docs/samples/trace.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/images/trace.svg")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("pod.trace", sample, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := execute("", strings.Fields(command)...); err != nil || out != "" {
		t.Fatalf("%s: %q, %v", command, out, err)
	}
	if got, err := os.ReadFile("pod.svg"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s writes another picture than docs/images/trace.svg (%v)", command, err)
	}
	if out, err := execute(string(sample), "trace", "-"); err != nil || out != string(want) {
		t.Errorf("from standard input to standard output: %v", err)
	}
}

// TestTraceOfNothing: what is no trace is refused by name.
func TestTraceOfNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := execute("", "trace", file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v does not name the file", err)
	}
	if _, err := execute("", "trace", "/nowhere"); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("%v does not name the file", err)
	}
}
