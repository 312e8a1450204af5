// SPDX-License-Identifier: Apache-2.0

package policyfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"configured", "standard"} {
		if err := os.WriteFile(at(name), []byte("package agent_policy\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(at("nowhere"), at("dangling")); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		configured, standard string
		want                 string
		fails                bool
	}{
		"a configured file":            {at("configured"), at("standard"), at("configured"), false},
		"only the standard one":        {"", at("standard"), at("standard"), false},
		"none":                         {"", at("none"), "", false},
		"none, nor its directory":      {"", at("no/such"), "", false},
		"a configured file that lacks": {at("none"), at("standard"), "", true},
		"a link that leads nowhere":    {"", at("dangling"), "", true},
		"a file where a directory is":  {"", at("standard/x"), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Locate(tc.configured, tc.standard)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("%q, %v; want %q, an error: %v", got, err, tc.want, tc.fails)
			}
		})
	}
}

func TestRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.rego")
	write := func(size int) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Repeat("#", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(MaxSize)
	if text, err := Read(file); err != nil || len(text) != MaxSize {
		t.Errorf("the largest document: %d bytes, %v", len(text), err)
	}
	write(MaxSize + 1)
	if _, err := Read(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a larger one: %v, want an error that names the file", err)
	}
	if _, err := Read(filepath.Join(file, "x")); err == nil {
		t.Error("no file, no error")
	}
}
