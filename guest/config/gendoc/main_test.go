// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/csv"
	"os"
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
