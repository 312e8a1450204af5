// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// testsDir is where test binaries lie in the guest, by package path.
const testsDir = "/lab/tests"

// GoTests are the tests of these packages of the module ("guest/cgroup"), as
// files for Options.Files: static test binaries, each with its testdata. In
// the VM they meet what the host may lack: cgroup v2, a clock to set, root
// without restrictions.
func GoTests(t testing.TB, packages ...string) map[string]File {
	t.Helper()
	return ForeignTests(t, "", packages...)
}

// ForeignTests are GoTests for another processor.
func ForeignTests(t testing.TB, a Arch, packages ...string) map[string]File {
	t.Helper()
	env, err := a.build(true)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]File{}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range packages {
		name := "test-" + strings.ReplaceAll(pkg, "/", "-") + a.suffix()
		binary, err := build(name, "./"+pkg, env, append([]string{"test", "-c"}, staticCgo...)...)
		if err != nil {
			t.Fatal(err)
		}
		files[path.Join(testsDir, pkg, "run.test")] = File{Path: binary, Mode: 0o755}
		if err := addTree(files, filepath.Join(root, pkg, "testdata"), path.Join(testsDir, pkg, "testdata")); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// addTree adds the regular files below a host directory, which may be absent.
func addTree(files map[string]File, host, guest string) error {
	err := filepath.WalkDir(host, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(host, p)
		files[path.Join(guest, rel)] = File{Path: p}
		return err
	})
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// GoTest runs one package's tests in the guest, as subtests of a test of
// the package's name. flags are those of a test binary, "-test.run=..." say.
func (vm *VM) GoTest(t *testing.T, pkg string, flags ...string) {
	t.Helper()
	t.Run(pkg, func(t *testing.T) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 17*time.Minute)
		defer cancel()
		script := "cd " + path.Join(testsDir, pkg) + " && exec ./run.test -test.v -test.timeout=15m " + strings.Join(flags, " ")
		res, err := vm.Run(ctx, wire.Command{Argv: []string{"sh", "-c", script}})
		out := string(res.Stdout)
		passed, failed := strings.Count(out, "--- PASS"), strings.Count(out, "--- FAIL")
		switch {
		case err != nil:
			t.Fatalf("%v\n%s", err, tail(out))
		case res.Code != 0:
			t.Errorf("%d tests passed, %d failed, status %d:\n%s%s", passed, failed, res.Code, tail(out), tail(string(res.Stderr)))
		case passed == 0:
			t.Errorf("no test ran:\n%s", out)
		default:
			t.Logf("%d tests passed, %d skipped", passed, strings.Count(out, "--- SKIP"))
		}
	})
}

// tail keeps what a reader can take in.
func tail(out string) string {
	const limit = 12 << 10
	if len(out) <= limit {
		return out
	}
	return "...\n" + out[len(out)-limit:]
}
