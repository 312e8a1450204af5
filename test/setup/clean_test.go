// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// standIns build nothing, fast: they only make the files that they are told to make. What only asks
// is left to the real Go.
var standIns = map[string]string{
	"go": `case $1 in
build | install | test | tool | vet)
	target=
	for word; do
		case $last in -o | -coverprofile) target=$word ;; esac
		case $word in -coverprofile=*) target=${word#*=} ;; esac
		last=$word
	done
	[ "$1" != install ] || target=$GOBIN/$(basename "${last%%@*}")
	if [ -n "$target" ]; then mkdir -p "$(dirname "$target")"; printf '#!/bin/sh\nexit 0\n' >"$target"; chmod 755 "$target"; fi
	;;
*) exec "$REAL_GO" "$@" ;;
esac`,
	"cargo": `while [ $# -gt 1 ]; do
	[ "$1" != --target-dir ] || { mkdir -p "$2/release"; touch "$2/release/foreign-rustclient"; }
	shift
done`,
}

// tree is all files and directories of a directory, from it on.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestCleanTakesAll runs what builds something, in a copy of the tree, and make clean after it.
func TestCleanTakesAll(t *testing.T) {
	dir, bin := scratch(t), t.TempDir()
	for name, text := range standIns {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	run := func(command string) {
		t.Helper()
		cmd := script(t, dir, "")
		cmd.Args = []string{"bash", "-c", command}
		cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"), "REAL_GO="+goTool, "GO=go")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, want success; it said\n%s", command, err, out)
		}
	}
	before := tree(t, dir)
	run("make build cover")
	run("GOLANGCI_VERSION=v1 DEADCODE_VERSION=v1 VULNCHECK_VERSION=v1 sh test/setup/check.sh lint vulncheck") // builds linters
	run("bash test/setup/suites.sh foreign")
	for _, made := range []string{"bin/kata-agent", "bin/kata-agent-ctl", "out/cover.txt", "out/tools/golangci-lint-v1", "out/rustclient/release"} {
		if _, err := os.Stat(filepath.Join(dir, made)); err != nil {
			t.Errorf("%v; want what make makes", err)
		}
	}
	run("make clean")
	for _, name := range tree(t, dir) {
		if !slices.Contains(before, name) {
			t.Errorf("make clean has left %s", name)
		}
	}
}
