// SPDX-License-Identifier: Apache-2.0

package initdata

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const document = `version = "0.1.0"
algorithm = "sha256"

[data]
"aa.toml" = '''
[token_configs]
url = "http://127.0.0.1"
'''
"cdh.toml" = "socket = 'unix:///run/x'\n"
"policy.rego" = """
package agent_policy
default CreateContainerRequest := [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]
""" # a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v
`

// device is what is on a device with a text.
func device(t *testing.T, text string) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint64([]byte(magic), uint64(packed.Len()))
	out = append(out, packed.Bytes()...)
	return append(out, make([]byte, 512)...) // a device ends at a sector
}

func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	dev := t.TempDir()
	if d, err := Find(dev); d != nil || err != nil {
		t.Fatalf("no device: %v, %v", d, err)
	}
	put(t, dev, "nvme0n1", device(t, document)) // not among the devices looked at
	put(t, dev, "sda", []byte("short"))
	put(t, dev, "vda", bytes.Repeat([]byte{0}, 4096))
	if err := os.Mkdir(filepath.Join(dev, "vdx"), 0o700); err != nil {
		t.Fatal(err)
	}
	if d, err := Find(dev); d != nil || err != nil {
		t.Fatalf("none of the devices: %v, %v", d, err)
	}
	put(t, dev, "sdb", device(t, document))
	d, err := Find(dev)
	if err != nil {
		t.Fatal(err)
	}
	if d.Device != filepath.Join(dev, "sdb") {
		t.Errorf("found on %s", d.Device)
	}
	put(t, dev, "vdb", device(t, strings.Replace(document, "sha256", "sha384", 1)))
	if d, err = Find(dev); err != nil || d.Device != filepath.Join(dev, "vdb") {
		t.Errorf("%v, %v; want the one on vdb", d, err)
	}
	if policy, ok := d.Policy(); !ok || !strings.HasPrefix(policy, "package agent_policy\n") {
		t.Errorf("policy %q, %v", policy, ok)
	}
}

// TestDigest has digests computed by sha256sum and its like.
func TestDigest(t *testing.T) {
	for algorithm, want := range map[string]string{
		"sha256": "677304ed23ec2f17d776f30f5d5f8a64d2f55dd6942fce1ec88d7baa638963e8",
		"sha384": "cc367223fdb0ecfb2353e2f1f944c1c24a4bcdc08acdfeed73552c2f345925416f920531a08363aa0511d964c76fe5d6",
		"sha512": "cddcef9d3c7926d26146c7bed9a8ee87405f0161dca94b2641bd70bd0a18067f5a2f02f2bbd1bc194b4303f97d844a61a5a807e705a589b05704e9391c710b13",
	} {
		d, err := Parse([]byte("version = \"0.1.0\"\nalgorithm = \"" + algorithm + "\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if d.Digest != want || d.Algorithm != algorithm {
			t.Errorf("%s %s, want %s", d.Algorithm, d.Digest, want)
		}
		if _, ok := d.Policy(); ok {
			t.Error("a policy from nowhere")
		}
	}
}

func TestRefused(t *testing.T) {
	head := "version = \"0.1.0\"\nalgorithm = \"sha256\"\n"
	long := func(n uint64) []byte {
		return binary.LittleEndian.AppendUint64([]byte(magic), n)
	}
	for name, tc := range map[string]struct {
		content []byte
		want    string
	}{
		"no length":              {[]byte(magic + "\x01"), "length"},
		"a length without end":   {long(1 << 63), "more than"},
		"no gzip":                {append(long(4), "abcd"...), "gzip"},
		"a cut stream":           {append(long(20), device(t, document)[16:36]...), "EOF"},
		"nothing":                {long(0), "EOF"},
		"an empty text":          {device(t, ""), "empty"},
		"a bomb":                 {device(t, strings.Repeat("#", maxPlain+1)), "unpacked"},
		"no TOML":                {device(t, "version"), ""},
		"another version":        {device(t, "version = \"0.2.0\"\nalgorithm = \"sha256\"\n"), "0.2.0"},
		"no version":             {device(t, "algorithm = \"sha256\"\n"), "version"},
		"another algorithm":      {device(t, "version = \"0.1.0\"\nalgorithm = \"md5\"\n"), "md5"},
		"no algorithm":           {device(t, "version = \"0.1.0\"\n"), "algorithm"},
		"data that are no texts": {device(t, head+"[data]\na = 1\n"), ""},
		"nested arrays":          {device(t, head+"x = "+strings.Repeat("[", 1<<20)), "nested"},
		"nested tables":          {device(t, head+"x = "+strings.Repeat("{a=", 1<<20)), "nested"},
		"a long key":             {device(t, head+strings.Repeat("a.", 1<<20)+"a = 1"), "nested"},
		"nested after quotes":    {device(t, head+`x = ["""a"""", `+strings.Repeat("[", 100)), "nested"},
		"nested after a string":  {device(t, head+`x = ["\"", `+strings.Repeat("[", 100)), "nested"},
	} {
		t.Run(name, func(t *testing.T) {
			dev := t.TempDir()
			put(t, dev, "vda", tc.content)
			d, err := Find(dev)
			if err == nil {
				t.Fatalf("accepted: %+v", d)
			}
			if text := err.Error(); !strings.Contains(text, filepath.Join(dev, "vda")) || !strings.Contains(text, tc.want) {
				t.Errorf("%q does not name the device and %q", text, tc.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	d, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "confidential-containers", "initdata")
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{File: document, KeyAgent: d.Data[KeyAgent], KeyHub: d.Data[KeyHub]}
	compare := func() {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != len(want) {
			t.Errorf("%d files, want %d", len(entries), len(want))
		}
		for name, text := range want {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || string(got) != text {
				t.Errorf("%s: %q, %v; want %q", name, got, err, text)
			}
		}
	}
	compare()
	delete(d.Data, KeyHub) // what an earlier start has left does not stay
	delete(want, KeyHub)
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	compare()
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte("x = [\"\"\"a\"\"\"\", [[[["))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = Parse(text)
	})
}
