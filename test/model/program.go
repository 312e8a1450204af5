// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"strings"
)

// program is something to run, of which the model knows everything that it writes.
type program struct {
	name string
	args func(tag string) []string
	// out and err are how many records it writes to stdout and stderr.
	out, err int
	status   int // with which it ends by itself; forever if it does not
	echoes   bool
	missing  bool
	terminal bool
}

const forever = -1

// record is one of those that programs write: 16 bytes which say where they belong.
func record(tag string, i int) string { return fmt.Sprintf("%6.6s:%08d;", tag, i) }

// records are the first n of a stream.
func records(tag string, n int) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(record(tag, i))
	}
	return []byte(b.String())
}

// awk writes records. Those of stderr are tagged with an E.
func awk(out, err, status int) func(string) []string {
	return func(tag string) []string {
		return []string{"awk", fmt.Sprintf(
			`BEGIN{for(i=0;i<%d;i++)printf"%6.6s:%%08d;",i;for(i=0;i<%d;i++)printf"%6.6s:%%08d;",i>"/dev/stderr";exit %d}`,
			out, tag, err, errTag(tag), status)}
	}
}

func errTag(tag string) string { return "E" + tag }

func plain(args ...string) func(string) []string { return func(string) []string { return args } }

// programs are those of sessions and, but for the missing ones, of containers too.
var programs = []program{
	{name: "sleep", args: plain("sleep", "10000"), status: forever},
	{name: "cat", args: plain("cat"), status: forever, echoes: true},
	{name: "true", args: plain("true")},
	{name: "seven", args: plain("sh", "-c", "exit 7"), status: 7},
	{name: "some", args: awk(40, 0, 0), out: 40},
	{name: "both", args: awk(300, 300, 3), out: 300, err: 300, status: 3},
	{name: "much", args: awk(9000, 10, 0), out: 9000, err: 10}, // more than a pipe holds
	{name: "terminal", args: awk(200, 0, 5), out: 200, status: 5, terminal: true},
	{name: "not-there", args: plain("/not-there"), status: forever, missing: true},
}

// named is the place of a program in programs.
func named(name string) int {
	for i, p := range programs {
		if p.name == name {
			return i
		}
	}
	panic("no program " + name)
}
