// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVulncheck has the script read what govulncheck says, which a stand-in says here.
func TestVulncheck(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		says   string
		fails  bool
		want   string
	}{
		"nothing":      {0, "No vulnerabilities found.", false, "none is known"},
		"a dependency": {3, "Vulnerability #1: GO-2099-1\n  Module: example.com/x\n    Found in: example.com/x@v1.0.0", true, "GO-2099-1"},
		"both":         {3, "Vulnerability #1: GO-2099-2\n  Standard library\nVulnerability #2: GO-2099-1\n  Module: example.com/x", true, "GO-2099-1"},
		"Go":           {3, "Vulnerability #1: GO-2099-2\n  Standard library\n    Found in: net/http@go1.26", false, "a newer Go"},
		"no network":   {1, "govulncheck: fetching vulnerabilities: Get \"https://vuln.go.dev/index/modules.json.gz\": dial tcp: no such host", false, "skipped"},
		"broken":       {1, "govulncheck: loading packages: x", true, "loading packages"},
	} {
		t.Run(name, func(t *testing.T) {
			tool := filepath.Join(t.TempDir(), "tool")
			text := fmt.Sprintf("#!/bin/sh\ncat <<'END'\n%s\nEND\nexit %d\n", c.says, c.status)
			if err := os.WriteFile(tool, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			skipped := filepath.Join(t.TempDir(), "skipped")
			cmd := exec.Command("sh", "vulncheck.sh", tool)
			cmd.Env = append(os.Environ(), "SKIPPED="+skipped)
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails || !strings.Contains(string(out), c.want) {
				t.Errorf("%v, %q; want a failure: %t, and %q", err, out, c.fails, c.want)
			}
			said, _ := os.ReadFile(skipped)
			if got := strings.HasPrefix(string(said), "govulncheck\tthe database"); got != (c.want == "skipped") {
				t.Errorf("said to be skipped: %q, want a line: %t", said, c.want == "skipped")
			}
		})
	}
}
