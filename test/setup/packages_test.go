// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoAndTestsSetUpFirst: both commands of the README install what they need before anything else.
func TestDemoAndTestsSetUpFirst(t *testing.T) {
	for _, target := range []string{"demo", "test"} {
		// Without what a make around this test has put into the environment.
		cmd := exec.Command("env", "-u", "MAKELEVEL", "-u", "MAKEFLAGS", "-u", "MFLAGS", "make", "-n", target)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("make -n %s: %v", target, err)
		}
		if first, _, _ := strings.Cut(string(out), "\n"); !strings.Contains(first, "packages.sh") {
			t.Errorf("make %s begins with %q, want the set-up", target, first)
		}
	}
}

// machine is what the set-up finds: tools that stand for Debian's, in a directory.
type machine struct {
	missing string // packages that are not installed
	uid     string
	lists   string // the exit status of apt-cache: 0 if the lists name a kernel
}

// setUp runs the set-up on a machine. Calls are the lines of apt-get's arguments.
func setUp(t *testing.T, m machine) (said, calls string, status int) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	for name, script := range map[string]string{
		"dpkg-query": `for p in ` + m.missing + `; do [ "$4" = "$p" ] && exit 1; done; printf installed`,
		"apt-get":    `echo "$*" >> ` + log,
		"apt-cache":  `exit ` + m.lists,
		"id":         `echo ` + m.uid,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "packages.sh")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	made, _ := os.ReadFile(log)
	return string(out), string(made), cmd.ProcessState.ExitCode()
}

func TestSetUpInstallsWhatIsMissing(t *testing.T) {
	said, calls, status := setUp(t, machine{missing: "libseccomp-dev qemu-system-x86", uid: "0", lists: "100"})
	if status != 0 || !strings.Contains(calls, "update") || !strings.Contains(calls, "libseccomp-dev qemu-system-x86") {
		t.Errorf("status %d, apt-get %q, said %q; want an update and both packages", status, calls, said)
	}
	if strings.Contains(calls, "gcc") {
		t.Errorf("apt-get %q: installs what is there", calls)
	}
}

func TestSetUpLeavesACompleteMachineAlone(t *testing.T) {
	for _, uid := range []string{"0", "1000"} {
		if said, calls, status := setUp(t, machine{uid: uid, lists: "0"}); status != 0 || calls != "" {
			t.Errorf("as %s: status %d, apt-get %q, said %q; want nothing", uid, status, calls, said)
		}
	}
}

func TestSetUpWithoutRootSaysWhatIsMissing(t *testing.T) {
	for missing, want := range map[string]int{
		"libseccomp-dev":  1, // nothing can be built
		"qemu-system-x86": 0, // tests that need it are skipped
	} {
		said, calls, status := setUp(t, machine{missing: missing, uid: "1000", lists: "0"})
		if status != want || calls != "" || !strings.Contains(said, "apt-get install --no-install-recommends "+missing) {
			t.Errorf("without %s: status %d, want %d; apt-get %q; said %q", missing, status, want, calls, said)
		}
	}
}
