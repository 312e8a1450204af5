// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// usage is what an agent holds, with its spawn helper.
type usage struct {
	descriptors, threads, children int
	memory                         int // anonymous and shared, KiB
}

func (u usage) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d children, %d KiB", u.descriptors, u.threads, u.children, u.memory)
}

func measure(t *testing.T, pid int) usage {
	t.Helper()
	entries := func(dir string) int {
		e, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, dir))
		if err != nil {
			t.Fatal(err)
		}
		return len(e)
	}
	u := usage{descriptors: entries("fd"), threads: entries("task")}
	for _, child := range append(children(t, pid), pid) {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
		if child != pid {
			u.children++
		}
		if child == pid || strings.Contains(string(name), "spawn") {
			u.memory += memory(t, child)
		}
	}
	return u
}

// children are those of all threads of a process.
func children(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // a thread that has ended
		}
		for _, word := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, n)
		}
	}
	return out
}

// memory is RssAnon and RssShmem of /proc/<pid>/status, in KiB.
func memory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for line := range bytes.Lines(text) {
		f := strings.Fields(string(line))
		if len(f) > 1 && (f[0] == "RssAnon:" || f[0] == "RssShmem:") {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	return total
}
