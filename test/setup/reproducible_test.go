// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReproducibleFindsDifferences gives the script builds that depend on what they must not, and one
// that does not. "make reproducible" has it run the true one.
func TestReproducibleFindsDifferences(t *testing.T) {
	for name, c := range map[string]struct{ build, differs string }{
		"nothing":         {"echo $COMMIT $SOURCE_DATE_EPOCH >out/dist/a", ""},
		"directory":       {"pwd >out/dist/a; echo same >out/dist/b", "./a"},
		"umask":           {"touch x; stat -c %a x >out/dist/a", "./a"},
		"time zone":       {"date -d @0 >out/dist/a", "./a"},
		"dates of files":  {"stat -c %Y go.mod >out/dist/a", "./a"},
		"home":            {"echo $HOME >out/dist/a", "./a"},
		"a file too many": {"[ $(umask) = 0022 ] || touch out/dist/extra; touch out/dist/a", "./extra"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := scratchOf(t, "test/setup/reproducible.sh", "go.mod")
			build := "#!/bin/bash\nset -e\nmkdir -p out/dist\n" + c.build + "\n"
			if err := os.WriteFile(filepath.Join(dir, "build.sh"), []byte(build), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := script(t, dir, "reproducible.sh", "amd64")
			cmd.Env = append(cmd.Env, "DIST=build.sh", "COMMIT=c0ffee", "SOURCE_DATE_EPOCH=1", "TMPDIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if (err != nil) != (c.differs != "") || !strings.Contains(string(out), c.differs) {
				t.Errorf("%v, it said\n%s\nwant a difference: %q", err, out, c.differs)
			}
		})
	}
}
