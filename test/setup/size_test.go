// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSizeBudget: a program above its budget fails, and what has grown is named, the most first. Go and
// nm are stand-ins: one builds programs of 1000 bytes, the other knows what is in them.
func TestSizeBudget(t *testing.T) {
	bin, budget := t.TempDir(), filepath.Join(t.TempDir(), "size.txt")
	for name, text := range map[string]string{
		"go": `for word; do [ "$last" != -o ] || head -c 1000 /dev/zero >"$word"; last=$word; done`,
		"nm": `echo "1 204800 T github.com/example/big/part.Function"
echo "2 51200 T github.com/example/same.(*Type).Method"
echo "3 20480 T github.com/kata-containers/kata-agent/guest/mount.Mount"
echo "4 40960 T github.com/kata-containers/kata-agent/actors/core.Go"`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const known = "kata-agent of 50.0 github.com/example/same\nkata-agent of 30.0 github.com/kata-containers/kata-agent/actors\n"
	for name, c := range map[string]struct {
		budget string
		fails  bool
		says   []string
	}{
		"enough": {"kata-agent 1000\nkata-agent-ctl 2000\n", false, []string{"kata-agent: 1000 bytes, of 1000", "kata-agent-ctl: 1000 bytes, of 2000"}},
		"too much": {"kata-agent 900\nkata-agent-ctl 2000\n" + known, true, []string{
			"kata-agent has 1000 bytes, 100 more than its budget of 900",
			"200.0 KiB more  github.com/example/big, now 200.0 KiB\n",
			"20.0 KiB more  github.com/kata-containers/kata-agent/guest, now 20.0 KiB\n",
			"10.0 KiB more  github.com/kata-containers/kata-agent/actors, now 40.0 KiB\n",
			"kata-agent-ctl: 1000 bytes, of 2000",
			"size.sh update",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(budget, []byte(c.budget), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := script(t, root(t), "size.sh", "check")
			cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"), "GO=go", "BUDGET="+budget)
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails {
				t.Errorf("%v, want a failure: %t", err, c.fails)
			}
			rest := string(out)
			for _, want := range c.says {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("it said\n%s\nwant %q after the others", out, want)
				}
				rest = after
			}
			if strings.Contains(string(out), "example/same") {
				t.Errorf("it said\n%s\nwant nothing of what has not grown", out)
			}
		})
	}
}
