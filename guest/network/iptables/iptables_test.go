// SPDX-License-Identifier: Apache-2.0

package iptables

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// install puts shell scripts in place of the programs.
func install(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPrograms(t *testing.T) {
	dir := install(t, map[string]string{
		"iptables-save": `echo "4 save $*"`, "ip6tables-save": `echo "6 save $*"`,
		"iptables-restore": `echo "4 restore $*"; cat`, "ip6tables-restore": `echo "6 restore $*"; cat`,
	})
	tables := &Tables{Dirs: []string{filepath.Join(dir, "none"), dir}}
	for family, want := range map[Family][2]string{
		IPv4: {"4 save \n", "4 restore --wait 5\nrules"}, IPv6: {"6 save \n", "6 restore --wait 5\nrules"},
	} {
		if got, err := tables.Get(t.Context(), family); err != nil || string(got) != want[0] {
			t.Errorf("get: %q, %v; want %q", got, err, want[0])
		}
		if got, err := tables.Set(t.Context(), family, []byte("rules")); err != nil || string(got) != want[1] {
			t.Errorf("set: %q, %v; want %q", got, err, want[1])
		}
	}
}

func TestFirstDirectoryWins(t *testing.T) {
	one := install(t, map[string]string{"iptables-save": "echo one"})
	two := install(t, map[string]string{"iptables-save": "echo two", "ip6tables-save": "echo two"})
	tables := &Tables{Dirs: []string{one, two}}
	if got, _ := tables.Get(t.Context(), IPv4); string(got) != "one\n" {
		t.Errorf("got %q", got)
	}
	if got, _ := tables.Get(t.Context(), IPv6); string(got) != "two\n" {
		t.Errorf("got %q", got)
	}
}

func TestFailures(t *testing.T) {
	dir := install(t, map[string]string{
		"iptables-save":     "echo half; echo 'line 1 is bad' >&2; exit 2",
		"ip6tables-save":    "exit 3",
		"iptables-restore":  "exit 0",
		"ip6tables-restore": "head -c 4000000 /dev/zero",
	})
	tables := &Tables{Dirs: []string{dir}}
	if got, err := tables.Get(t.Context(), IPv4); err == nil || got != nil || !strings.Contains(err.Error(), "iptables-save failed: line 1 is bad") {
		t.Errorf("got %q, %v, want an error with %q", got, err, "iptables-save failed: line 1 is bad")
	}
	if _, err := tables.Get(t.Context(), IPv6); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want an error with %q", err, "exit status 3")
	}
	if _, err := tables.Set(t.Context(), IPv6, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
	// A program that does not read its input, larger than a pipe, is no failure.
	if _, err := tables.Set(t.Context(), IPv4, make([]byte, 1<<20)); err != nil {
		t.Errorf("got %v", err)
	}
	if _, err := (&Tables{Dirs: []string{t.TempDir()}}).Get(t.Context(), IPv4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestHanging uses a program whose child holds the pipes: it is killed with the program.
func TestHanging(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	dir := install(t, map[string]string{"iptables-save": "sleep 600 & echo $! > " + pidFile + "; wait"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		guard.Holds(func() bool { text, err := os.ReadFile(pidFile); return err == nil && len(text) > 0 })
		cancel()
	}()
	_, err := (&Tables{Dirs: []string{dir}}).Get(ctx, IPv4)
	if !errors.Is(err, context.Canceled) { // else the call's own limit would have ended it
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	childIsDead(t, pidFile)
}

// TestReal only reads: the rules of the machine are not the test's to change.
func TestReal(t *testing.T) {
	tables := New()
	if _, err := tables.find(IPv4.program("save")); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and iptables")
	}
	for _, family := range []Family{IPv4, IPv6} {
		if _, err := tables.Get(t.Context(), family); err != nil {
			t.Logf("family %t: %v", family, err)
		}
	}
	if _, err := tables.Set(t.Context(), IPv4, []byte("*nonsense\nCOMMIT\n")); err == nil || !strings.Contains(err.Error(), "iptables-restore failed") {
		t.Errorf("nonsense: got %v, want an error with %q", err, "iptables-restore failed")
	}
}
