// SPDX-License-Identifier: Apache-2.0

package documents

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

var update = flag.Bool("update", false, "record the demonstration anew, and draw the pictures of README")

const (
	demoRecord = "test/documents/testdata/demo.txt"
	topRecord  = "cmd/kata-agent-ctl/internal/top/testdata/sessions.txt"
	// Of a character and a line in the pictures, in pixels.
	charWidth, lineHeight = 8, 18
)

// drawn is a picture of a terminal with text.
func drawn(text []byte) []byte {
	lines := strings.Split(strings.Trim(string(text), "\n"), "\n")
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	columns := 0
	for _, l := range lines {
		columns = max(columns, utf8.RuneCountInString(l))
	}
	width, height := (columns+4)*charWidth, (len(lines)+2)*lineHeight
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %[1]d %[2]d\">\n", width, height)
	b.WriteString("<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1d2433\"/>\n")
	b.WriteString("<g font-family=\"monospace\" font-size=\"13\" fill=\"#dfe5f0\" xml:space=\"preserve\">\n")
	for i, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" textLength=\"%d\">", 2*charWidth, (i+2)*lineHeight-4, utf8.RuneCountInString(l)*charWidth)
		_ = xml.EscapeText(&b, []byte(l)) // into memory
		b.WriteString("</text>\n")
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// changing is what is different in each run of the demonstration.
var changing = regexp.MustCompile(` *\d+(\.\d+)? (ms|s|[KMG]iB)\b|sha256 \w+|\d+ MiB/s`)

// TestDemoShowsWhatIsRecorded runs the demonstration and compares it with the record, numbers aside.
func TestDemoShowsWhatIsRecorded(t *testing.T) {
	harness.Root(t)
	run := exec.CommandContext(guard.ContextFor(t, 5*guard.Hang), "go", "run", "./test/demo",
		"-agent", harness.Build(t), "-ctl", filepath.Join(tools, "kata-agent-ctl"))
	run.Dir = harness.ModuleRoot()
	got, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	file := filepath.Join(run.Dir, demoRecord)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := changing.ReplaceAll(got, []byte(" #")), changing.ReplaceAll(want, []byte(" #")); !bytes.Equal(a, b) {
		t.Errorf("it shows\n%s\nrecorded is\n%s\nrecord it anew by go test ./test/documents -run 'Demo|Pictures' -update", got, want)
	}
}

// TestPictures: those of README show what is recorded, which other tests compare with the programs.
func TestPictures(t *testing.T) {
	root := harness.ModuleRoot()
	for picture, record := range map[string]string{"demo.svg": demoRecord, "top.svg": topRecord} {
		text, err := os.ReadFile(filepath.Join(root, record))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(root, "docs/images", picture)
		want := drawn(text)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: it does not show %s: draw it by go test ./test/documents -run 'TestPictures' -update (%v)", file, record, err)
		}
	}
}

// TestScreensInDocuments: where a document shows a screen of top, the lines are those of the recorded one.
func TestScreensInDocuments(t *testing.T) {
	root := harness.ModuleRoot()
	record, err := os.ReadFile(filepath.Join(root, topRecord))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"docs/ctl.md"} {
		text, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for i, block := range strings.Split(string(text), "```") {
			if i%2 == 0 || !strings.Contains(block, "WAITS, STALLS") {
				continue
			}
			found = true
			rest := string(record)
			for l := range strings.Lines(strings.TrimPrefix(block, "\n")) {
				_, after, ok := strings.Cut(rest, l)
				if !ok {
					t.Errorf("%s: the line %q is not in %s, or not at this place", doc, l, topRecord)
					break
				}
				rest = after
			}
		}
		if !found {
			t.Errorf("%s has no screen of top", doc)
		}
	}
}
