// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/config"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	for name, want := range outputs() {
		got, err := os.ReadFile(filepath.Join("../../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s differs from the table: run go run ./guest/config/gendoc", name)
		}
	}
}

// TestEndpointsSampleNamesEveryRequest compares the sample with the table of
// services, from which the protocol files are written.
func TestEndpointsSampleNamesEveryRequest(t *testing.T) {
	c, warnings, err := config.Load(config.Sources{File: "../../../docs/samples/configuration-all-endpoints.toml"})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("%v, warnings %v", err, warnings)
	}
	want := requests(t)
	got := slices.Sorted(slices.Values(c.Endpoints.Allowed))
	if !slices.Equal(got, want) {
		t.Errorf("names in the sample\n got %v\nwant %v", got, want)
	}
	if !c.Endpoints.Restricted {
		t.Error("the sample restricts nothing")
	}
}

// requests returns the message names of the requests that the agent serves,
// sorted; the service a guest component offers to the agent is not among them.
func requests(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("../../../protocols/testdata/services.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range rows[1:] {
		service, request := row[1], row[3]
		if strings.HasPrefix(service, "grpc.") {
			names = append(names, strings.TrimPrefix(request, "grpc."))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestManualHasEveryOption: the page names each option, and is roff that says something of each line.
func TestManualHasEveryOption(t *testing.T) {
	page := string(manual())
	for _, g := range config.Reference() {
		for _, o := range g.Options {
			for _, word := range append(append([]string{o.Env}, o.Words...), o.Keys...) {
				if !strings.Contains(page, roff(word)) {
					t.Errorf("the page has no %s", word)
				}
			}
		}
	}
	man, err := exec.LookPath("man")
	if err != nil {
		return // what is above needs no program
	}
	file := filepath.Join(t.TempDir(), "kata-agent.8")
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	lint := exec.CommandContext(t.Context(), man, "--warnings", "-l", "-Tutf8", file)
	lint.Env = append(os.Environ(), "MANROFFSEQ=", "LC_ALL=C.UTF-8")
	var complaints bytes.Buffer
	lint.Stderr = &complaints
	if err := lint.Run(); err != nil || strings.Contains(complaints.String(), "warning") {
		t.Errorf("man: %v, %s", err, complaints.String())
	}
}
