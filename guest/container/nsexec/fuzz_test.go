// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
)

// FuzzEncode: what the helper is sent has the strings of the request and nothing else, wherever one
// of them could end another. testdata/parser fuzzes the other side, in C.
func FuzzEncode(f *testing.F) {
	f.Add("sh\n-c\ntrue", "PATH=/bin\nHOME=/", "/", "label", "profile", uint32(3), uint8(2))
	f.Add("", "=\x00", "\x00", "", "", uint32(0), uint8(0))
	f.Add(strings.Repeat("x", maxInline), "", "", "", "", uint32(1), uint8(255))
	null, err := os.Open(os.DevNull)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { null.Close() })
	f.Fuzz(func(t *testing.T, args, env, cwd, label, profile string, group uint32, limits uint8) {
		r := &Request{
			Target: &Target{}, Args: strings.Split(args, "\n"), Env: strings.Split(env, "\n"), Cwd: cwd,
			SELinuxLabel: label, AppArmorProfile: profile, Groups: []uint32{group, group + 1},
		}
		for i := range limits {
			r.Rlimits = append(r.Rlimits, configs.Rlimit{Type: int(i), Hard: uint64(group), Soft: uint64(i)})
		}
		if r.check() != nil {
			return
		}
		m, err := encode(r, null)
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		if len(m.header) < headerSize || len(m.header) > headerSize+maxInline {
			t.Fatalf("a message of %d bytes", len(m.header))
		}
		tail := m.header[headerSize:]
		if m.memfd != nil {
			if tail, err = os.ReadFile("/proc/self/fd/" + strconv.Itoa(int(m.memfd.Fd()))); err != nil {
				t.Fatal(err)
			}
		}
		if n := int(order.Uint32(m.header[56:])); n != len(tail) {
			t.Fatalf("the tail has %d bytes, the header says %d", len(tail), n)
		}
		strs := bytes.Split(tail[24*len(r.Rlimits)+4*len(r.Groups):], []byte{0})
		want := slices.Concat([]string{r.Cwd, label, profile, r.path()}, r.Args, r.Env, []string{""})
		if len(strs) != len(want) {
			t.Fatalf("%d strings, want %d", len(strs), len(want))
		}
		for i, s := range strs {
			if string(s) != want[i] {
				t.Errorf("string %d is %q, want %q", i, s, want[i])
			}
		}
	})
}
