// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"testing"
)

func TestFormats(t *testing.T) {
	value := []map[string]any{{"id": "c1", "bytes": uint64(9007199254740993), "none": nil}}
	rows := Rows{{"ID", "BYTES"}, {"c1", ""}}
	for format, want := range map[Format]string{
		Table: "ID  BYTES\nc1  -\n",
		JSON:  "[\n  {\n    \"bytes\": 9007199254740993,\n    \"id\": \"c1\",\n    \"none\": null\n  }\n]\n",
		Auto:  "[\n  {\n    \"bytes\": 9007199254740993,\n    \"id\": \"c1\",\n    \"none\": null\n  }\n]\n",
		YAML:  "- bytes: 9007199254740993\n  id: c1\n  none: null\n",
	} {
		var out bytes.Buffer
		if err := format.Write(&out, value, rows); err != nil || out.String() != want {
			t.Errorf("%q: got %q, %v\nwant %q", format, out.String(), err, want)
		}
	}
	var f Format
	if err := f.Set("xml"); err == nil || f.Set("yaml") != nil || f != YAML {
		t.Errorf("xml: %v, yaml: %q; want an error and %q", err, f, YAML)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536 << 10: "1.5 MiB", 1 << 62: "4.0 EiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for text, want := range map[string]int64{"7": 7, "64MiB": 64 << 20, "64m": 64 << 20, "1G": 1 << 30, "2 KiB": 2048, "5b": 5} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5m", "m", "9999999999g", "64MB"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q is read as %d, want an error", text, got)
		}
	}
}
