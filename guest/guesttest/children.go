// SPDX-License-Identifier: Apache-2.0

package guesttest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Child is a child process, alive or a zombie.
type Child struct {
	Pid   int
	Name  string
	State string // one letter, as in proc_pid_stat(5)
}

// Children are the children of a process, whichever of its threads has made them. They are found by
// their parent: the list that the kernel has of a thread's children (proc_pid_task_children(5)) lacks
// some when one of them, or the thread, ends while it is read.
func Children(pid int) []Child {
	var all []Child
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has gone
		}
		// The name may hold anything, a parenthesis too.
		head, rest, _ := strings.Cut(string(text), "(")
		end := strings.LastIndexByte(rest, ')')
		if end < 0 {
			continue
		}
		words := strings.Fields(rest[end+1:])
		if len(words) < 2 || words[1] != strconv.Itoa(pid) {
			continue
		}
		number, _ := strconv.Atoi(strings.TrimSpace(head))
		all = append(all, Child{Pid: number, Name: rest[:end], State: words[0]})
	}
	return all
}
