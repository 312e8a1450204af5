// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// How the fuzzer of testdata/parser takes a message: see there.
const (
	howMemfd = 1 << iota
	howMend
	howLookUp
)

// seeds are messages as the agent writes them, for the fuzzer of the C side.
func seeds(t *testing.T, dir string) (files []string) {
	t.Helper()
	umask := uint32(0o22)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	requests := []*Request{
		{Args: []string{"sh"}},
		{Args: []string{"true", "a", ""}, Env: []string{"PATH=/bin:/usr/bin::.", "A=b"}, Cwd: "/", Groups: []uint32{1, 2}, Umask: &umask},
		{Args: []string{"/bin/sh", "-c", "x"}, SELinuxLabel: "a:b", AppArmorProfile: "p", Rlimits: []configs.Rlimit{{Type: 7, Soft: 1, Hard: 2}}, Seccomp: make([]byte, 16)},
		{Args: strings.Split(strings.Repeat("a ", 150), " "), Env: strings.Split(strings.Repeat("b=c ", 60), " "), Stdio: Stdio{Terminal: true, Rows: 1, Columns: 2}},
	}
	plan := &Plan{Unshare: unix.CLONE_NEWPID}
	plan.Root("/r", unix.MS_SLAVE, unix.MS_PRIVATE)
	plan.Mount(Mount{Type: "tmpfs", Source: "x", Target: "/a", Data: "mode=755", Keep: true})
	plan.Bind("/s", "/t", true, &Attributes{Set: 1})
	plan.Node("/dev/null", unix.S_IFCHR, 259, 0, 0)
	plan.Change(0, Attributes{Set: 1})
	plan.ChangeRoot(Attributes{Clear: 1})
	requests = append(requests, &Request{Plan: plan}, &Request{Plan: &Plan{}})
	for i, r := range requests {
		r.Target = &Target{}
		m, err := encode(r, null)
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range []byte{howLookUp, howMend, howMemfd | howLookUp} {
			n := 1 + len(m.files)
			if how&howMemfd != 0 {
				n++
			}
			file := filepath.Join(dir, "seed-"+string(rune('a'+i))+string('0'+rune(how)))
			if err := os.WriteFile(file, append([]byte{how, byte(n)}, m.header...), 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		m.close()
	}
	kept, err := filepath.Glob("testdata/parser/corpus/*")
	if err != nil {
		t.Fatal(err)
	}
	return append(files, kept...)
}

// buildParser compiles the C sources with the sanitizers, and the fuzzer with them.
func buildParser(t *testing.T, dir string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc")
	}
	flags := []string{"-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(gcc, append(flags, args...)...).CombinedOutput(); err != nil {
			if strings.Contains(string(out), "-lasan") {
				t.Skip("needs the sanitizers of gcc")
			}
			t.Fatalf("gcc %q: %v\n%s", args, err, out)
		}
	}
	program := filepath.Join(dir, "parser")
	link := []string{"-Wl,--wrap=_exit", "-o", program}
	for _, source := range []string{"child.c", "lookup.c", "user.c", "terminal.c", "plan.c", "testdata/parser/parser.c"} {
		object := filepath.Join(dir, filepath.Base(source)+".o")
		args := []string{"-c", "-o", object, source}
		if source != "testdata/parser/parser.c" { // its own branches are of no interest
			args = append(args, "-fsanitize-coverage=trace-pc")
		}
		run(args...)
		link = append(link, object)
	}
	run(link...)
	return program
}

// TestParser has the C side of the protocol read damaged requests, with ASan and UBSan: for a second,
// or as many as KATA_FUZZ_SECONDS says. Inputs that it fails on belong into testdata/parser/corpus.
func TestParser(t *testing.T) {
	dir := t.TempDir()
	program := buildParser(t, dir)
	seconds := os.Getenv("KATA_FUZZ_SECONDS")
	if seconds == "" {
		seconds = "1"
	}
	crashes := os.Getenv("KATA_FUZZ_CRASHES")
	if crashes == "" {
		crashes = dir
	}
	cmd := exec.Command(program, append([]string{seconds, crashes}, seeds(t, dir)...)...)
	cmd.Env = append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0:handle_abort=0")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(" places\n")) {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
