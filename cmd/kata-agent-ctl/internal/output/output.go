// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
	"golang.org/x/term"
)

// A Format is how a result is written: Table, JSON, YAML, or Auto.
type Format string

// Auto is a table on a terminal and JSON elsewhere.
const (
	Auto  Format = ""
	Table Format = "table"
	JSON  Format = "json"
	YAML  Format = "yaml"
)

// Formats are the names that Set takes.
var Formats = []string{string(Table), string(JSON), string(YAML)}

// Set, String and Type make a Format the value of an option.
func (f *Format) Set(s string) error {
	switch Format(s) {
	case Table, JSON, YAML:
		*f = Format(s)
		return nil
	}
	return fmt.Errorf("must be one of %s", strings.Join(Formats, ", "))
}

func (f *Format) String() string { return string(*f) }

// Type is what the help of an option calls its value.
func (f *Format) Type() string { return "format" }

// For is the format for a writer.
func (f Format) For(w io.Writer) Format {
	if f != Auto {
		return f
	}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return Table
	}
	return JSON
}

// Rows is a table: the first row has the names of the columns.
type Rows [][]string

// Write writes value as JSON or YAML, or rows as a table.
func (f Format) Write(w io.Writer, value any, rows Rows) error {
	switch f.For(w) {
	case Table:
		return rows.Write(w)
	case YAML:
		return writeYAML(w, value)
	default:
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
}

// writeYAML writes what the JSON of the value has, so that names are the same in both.
func writeYAML(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var plain any
	if err := yaml.Unmarshal(text, &plain); err != nil { // JSON is YAML; big numbers stay whole
		return err
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(plain); err != nil {
		return err
	}
	return encoder.Close()
}

// Write writes the rows in columns; a cell with nothing in it is a "-".
func (r Rows) Write(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range r {
		for i, cell := range row {
			if cell == "" {
				row[i] = "-"
			}
		}
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	return columns.Flush()
}
