// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// UpdateEnv is the environment variable that has Stories write down what is seen instead of comparing
// it, to be looked at in the difference before it is kept.
const UpdateEnv = "KATA_TEST_UPDATE"

// Stories plays each file that fits pattern as a test of its own. A story is a list of steps: a command
// with its arguments, the line "----", and what the command brings about, up to an empty line. Lines
// that begin with "#" before a command are comments.
//
//	# A pause waits for a session that is being started.
//	pause
//	----
//	state running, 1 work
//
// begin makes what a story is played on, and returns the function that carries out a command and says
// what came of it, one thing a line.
func Stories(t *testing.T, pattern string, begin func(t *testing.T) func(command string, args ...string) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d stories in %s (%v), want at least one", len(files), pattern, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		t.Run(name, func(t *testing.T) { playFile(t, file, begin(t)) })
	}
}

func playFile(t *testing.T, file string, do func(command string, args ...string) string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := play(t, file, string(text), do)
	if seen == string(text) {
		return
	}
	if os.Getenv(UpdateEnv) == "" {
		t.Fatalf("%s is not what happens; with %s=1 it is written anew", file, UpdateEnv)
	}
	if err := os.WriteFile(file, []byte(seen), 0o644); err != nil {
		t.Fatal(err)
	}
}

// play returns the text with what was seen in place of what was expected, and reports the differences.
func play(t *testing.T, file, text string, do func(command string, args ...string) string) string {
	t.Helper()
	var out strings.Builder
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i])
		if i < len(lines)-1 {
			out.WriteByte('\n')
		}
		if lines[i] == "" || strings.HasPrefix(lines[i], "#") {
			continue
		}
		at, words := i+1, strings.Fields(lines[i])
		got := strings.TrimSuffix(do(words[0], words[1:]...), "\n")
		if i+1 < len(lines) && lines[i+1] == "----" {
			i++
		}
		var want []string
		for i+1 < len(lines) && lines[i+1] != "" {
			i++
			want = append(want, lines[i])
		}
		out.WriteString("----\n" + got + "\n")
		if w := strings.Join(want, "\n"); got != w && os.Getenv(UpdateEnv) == "" {
			t.Errorf("%s:%d: %s\ngot:\n%s\nwant:\n%s", file, at, strings.Join(words, " "), got, w)
		}
	}
	return out.String()
}
