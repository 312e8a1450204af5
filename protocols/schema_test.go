// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// A field is one row of the table of messages, whatever it was read from.
type field struct {
	Name   string
	Number int
	Type   string // "string", "grpc.Spec", "map<string;uint64>"
	Label  string // "", "repeated", "map", "optional", "oneof NAME"
}

// A method is one row of the table of services.
type method struct{ Name, Request, Response string }

// A schema is what a set of definitions says. Keys are full names: "grpc.Spec".
type schema struct {
	messages map[string][]field
	enums    map[string]map[string]int
	services map[string][]method
	files    map[string]string // of messages, enums and services
}

func newSchema() *schema {
	return &schema{
		messages: map[string][]field{},
		enums:    map[string]map[string]int{},
		services: map[string][]method{},
		files:    map[string]string{},
	}
}

// tables reads the wire tables, the authority every other form is compared with.
func tables(t testing.TB) *schema {
	t.Helper()
	s := newSchema()
	for _, r := range rows(t, "messages.csv") {
		name := r[1] + "." + r[2]
		s.files[name] = r[0]
		if r[3] == "" { // a message without fields
			s.messages[name] = []field{}
			continue
		}
		s.messages[name] = append(s.messages[name], field{r[3], number(t, r[4]), r[5], r[6]})
	}
	for _, r := range rows(t, "enums.csv") {
		name := r[1] + "." + r[2]
		s.files[name] = r[0]
		if s.enums[name] == nil {
			s.enums[name] = map[string]int{}
		}
		s.enums[name][r[3]] = number(t, r[4])
	}
	for _, r := range rows(t, "services.csv") {
		s.files[r[1]] = r[0]
		s.services[r[1]] = append(s.services[r[1]], method{r[2], r[3], r[4]})
	}
	return s
}

func rows(t testing.TB, file string) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) < 2 {
		t.Fatalf("%s: %d rows, error %v", file, len(all), err)
	}
	return all[1:]
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
