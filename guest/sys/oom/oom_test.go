// SPDX-License-Identifier: Apache-2.0

package oom

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// protectEnv has this binary protect itself and print what it has got.
const protectEnv = "OOM_TEST_PROTECT"

func TestMain(m *testing.M) {
	if os.Getenv(protectEnv) != "" {
		if err := Protect("/proc"); err != nil {
			os.Stderr.WriteString(err.Error())
		}
		os.Stdout.WriteString(strconv.Itoa(Own("/proc")))
		if score := Inherited("/proc"); score != nil {
			out, err := exec.Command("cat", "/proc/self/oom_score_adj").Output()
			if err != nil || strings.TrimSpace(string(out)) == "0" {
				os.Stderr.WriteString("a child does not inherit the score: this test shows nothing")
			}
			cmd := exec.Command("cat", "/proc/self/oom_score_adj")
			cmd.Stdout = os.Stdout
			if err := Run(cmd); err != nil {
				os.Stderr.WriteString(err.Error())
			}
			cmd = exec.Command("cat", "/proc/self/oom_score_adj")
			cmd.Stdout = os.Stdout
			if err := errors.Join(StartAs(cmd, -500), cmd.Wait()); err != nil {
				os.Stderr.WriteString(err.Error())
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func mayLower() bool {
	var header = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective>>unix.CAP_SYS_RESOURCE&1 != 0
}

func TestProtect(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), protectEnv+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "-10000\n-500\n" // its own score, that of a program it has run, and of one that the guest needs
	if !mayLower() {
		if want = strconv.Itoa(Own("/proc")); stderr.Len() == 0 {
			t.Error("no error without the right to lower the score")
		}
	} else if stderr.Len() > 0 {
		t.Error(stderr.String())
	}
	if string(out) != want {
		t.Errorf("scores %q, want %q", out, want)
	}
}

func TestOwn(t *testing.T) {
	proc := t.TempDir()
	if err := os.Mkdir(filepath.Join(proc, "self"), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"-1000\n": -1000, "0\n": 0, "500\n": 500} {
		if err := os.WriteFile(filepath.Join(proc, "self/oom_score_adj"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Own(proc); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
		if got := Inherited(proc); (got != nil) != (want < 0) || got != nil && *got != 0 {
			t.Errorf("children of %d are given %v", want, got)
		}
	}
	if got := Own(t.TempDir()); got != Neutral {
		t.Errorf("without procfs: %d, want 0", got)
	}
	if err := Protect(proc); err != nil {
		t.Error(err)
	}
	if got := Own(proc); got != Never {
		t.Errorf("protected: %d, want -1000", got)
	}
}

// TestStartGivesTheScore runs a program with everything else that exec.Cmd has for it.
func TestStartGivesTheScore(t *testing.T) {
	before := Own("/proc")
	score := strconv.Itoa(before + 7)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	extra, err := os.CreateTemp(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	cmd := exec.Command("sh", "-c", `cat /proc/$$/oom_score_adj; pwd; echo "$0 $1 $KEY"; cat; echo more >&3; [ -e /proc/$$/fd/4 ] && echo open`, "name", "a b")
	cmd.Dir, cmd.Env = dir, []string{"KEY=value", "PATH=" + os.Getenv("PATH")}
	cmd.Stdin, cmd.ExtraFiles = strings.NewReader("input\n"), []*os.File{extra}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := startWith(cmd, before+7); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it ends with what the last word has found
	want := score + "\n" + dir + "\nname a b value\ninput\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if b, _ := os.ReadFile(extra.Name()); string(b) != "more\n" {
		t.Errorf("the extra file has %q", b)
	}
	if Own("/proc") != before {
		t.Errorf("the caller's own score has changed to %d", Own("/proc"))
	}
}

// TestStartErrors compares the errors with those of os/exec.
func TestStartErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/no/such/program", "no-such-program", bad, t.TempDir()} {
		want := exec.Command(path).Run()
		err := startWith(exec.Command(path), Own("/proc"))
		if err == nil || err.Error() != want.Error() {
			t.Errorf("%s: error %v, want %v", path, err, want)
		}
		var errno syscall.Errno
		if errors.As(want, &errno) && !errors.Is(err, errno) {
			t.Errorf("%s: %v is not %v", path, err, errno)
		}
	}
}

func TestProgramMaps(t *testing.T) {
	const maps = `00400000-00401000 r--p 00000000 08:01 12   /sbin/agent
00401000-00900000 r-xp 00001000 08:01 12   /sbin/agent
00900000-00a00000 rw-p 00500000 08:01 12   /sbin/agent
00a00000-00b00000 rw-p 00000000 00:00 0    [heap]
7f000000-7f001000 r-xp 00000000 08:01 13   /lib/other/sbin/agent2
7f001000-7f002000 r-xp 00000000 00:00 0
`
	got := programMaps(maps, "/sbin/agent")
	if len(got) != 2 || got[0] != (addresses{0x400000, 0x401000}) || got[1] != (addresses{0x401000, 0x900000}) {
		t.Errorf("%x, want the two that cannot be written", got)
	}
}

func TestLockProgram(t *testing.T) {
	if err := LockProgram("/proc"); err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOMEM) {
			t.Skip("not allowed here: ", err)
		}
		t.Fatal(err)
	}
	defer func() { _ = unix.Munlockall() }()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == "VmLck:" && f[1] == "0" {
			t.Error("no memory is locked")
		}
	}
}

// TestReserve holds a reserve, and ends it by the end of the agent's context.
func TestReserve(t *testing.T) {
	if Own("/proc") > reserveScore && !mayLower() {
		// The process refuses to hold memory with a score that it cannot have.
		if err := holdReserve(t.Context()); err == nil {
			t.Error("a reserve without its score")
		}
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- holdReserve(ctx) }()
	cancel()
	if err := <-done; err == nil {
		t.Error("the reserve has ended by itself")
	}
}

func TestAvailable(t *testing.T) {
	proc := t.TempDir()
	text := "MemTotal:         245760 kB\nMemFree:            2048 kB\nMemAvailable:       3072 kB\n"
	if err := os.WriteFile(filepath.Join(proc, "meminfo"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := available(proc); got != 3<<20 {
		t.Errorf("%d bytes, want 3 MiB", got)
	}
	if got := available(t.TempDir()); got != 0 {
		t.Errorf("%d bytes without the file, want 0", got)
	}
}
