// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestShippedScenarios reads all scenarios of the tree, and each as JSON again.
func TestShippedScenarios(t *testing.T) {
	files, err := filepath.Glob("../../../../test/bench/scenarios/*.toml")
	if err != nil || len(files) < 9 {
		t.Fatalf("%v, %v", files, err)
	}
	used := map[string]bool{}
	for _, file := range files {
		s, err := Read(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Name == "" || s.About == "" {
			t.Errorf("%s does not say what it is", file)
		}
		for _, l := range s.Loads {
			used[l.Kind] = true
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again := filepath.Join(t.TempDir(), "s.json")
		if err := os.WriteFile(again, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if s2, err := Read(again); err != nil || !reflect.DeepEqual(s, s2) {
			t.Errorf("%s as JSON: %v\n%s", file, err, text)
		}
	}
	for kind := range kinds {
		if !used[kind] {
			t.Errorf("no scenario uses %q", kind)
		}
	}
}

func TestScenarioDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "short.toml")
	text := "duration = \"1s\"\n[[load]]\nkind = \"exec\"\n[[load]]\nname = \"b\"\nkind = \"exec\"\nrate = 5\nchunk = 100\nbytes = \"2KiB\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.Loads[0], s.Loads[1]
	if s.Name != "short" || s.Containers != 1 || s.Connections != 1 || time.Duration(s.Timeout) != time.Minute ||
		a.Name != "exec" || a.Workers != 1 || a.Output != "hi\n" || a.Chunk != 32<<10 ||
		b.Workers != openWorkers || b.Chunk != 100 || b.Bytes != 2048 {
		t.Errorf("%+v", s)
	}
}

func TestScenarioRefuses(t *testing.T) {
	for text, mention := range map[string]string{
		"":                                                 "no [[load]]",
		"[[load]]\nkind = \"exce\"":                        "exce",
		"[[load]]\nkind = \"exec\"":                        "never end",
		"[[load]]\nkind = \"call\"\ncount = 1":             "method",
		"typo = 1\n[[load]]\nkind=\"hold\"":                "typo",
		"[[load]]\nkind=\"hold\"\nworker=1":                "worker",
		"[[load]]\nkind=\"hold\"\nargs=[\"a\"]\npings=1":   "pings",
		"[[load]]\nkind=\"exec\"\ncount=-1":                "below zero",
		"duration=\"-1s\"\n[[load]]\nkind=\"exec\"":        "below zero",
		"[[load]]\nkind=\"stall\"\nbackground=true":        "nothing would end",
		"[[load]]\nkind=\"stream\"\nbytes=\"5XB\"":         "size",
		"[[load]]\nkind=\"hold\"\n[[load]]\nkind=\"hold\"": "two loads",
	} {
		file := filepath.Join(t.TempDir(), "s.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(file); err == nil || !strings.Contains(err.Error(), mention) {
			t.Errorf("%q: %v, want an error with %q", text, err, mention)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "7": 7, "1KiB": 1024, "64 MiB": 64 << 20, "2GiB": 2 << 30, "5B": 5} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "9999999999999GiB"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, s)
		}
	}
	for s, want := range map[Size]string{0: "0 B", 100: "100 B", 1536: "1.5 KiB", 3 << 30: "3.0 GiB"} {
		if s.String() != want {
			t.Errorf("%d is %s, want %s", int64(s), s, want)
		}
	}
}
