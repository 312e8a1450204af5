// SPDX-License-Identifier: Apache-2.0

package components

import (
	"bytes"
	"os"
	"strings"
	"time"
)

// longest is the length of a line, in bytes. What is longer is cut into several.
const longest = 4 << 10

// lines reads what a component prints until nobody can write it any more.
type lines struct {
	out  *os.File
	done chan struct{}
}

// drainTime is how long the rest is waited for when a descendant that left the component's process
// group holds the pipe.
const drainTime = time.Second

func readLines(out *os.File, line func(string)) *lines {
	l := &lines{out, make(chan struct{})}
	go func() {
		defer close(l.done)
		split(out, line)
	}()
	return l
}

// close waits for the rest of the output of a component that has ended.
func (l *lines) close() {
	_ = l.out.SetReadDeadline(time.Now().Add(drainTime))
	<-l.done
	l.out.Close()
}

// split calls line with each line of out, without its end. Empty ones are left out.
func split(out *os.File, line func(string)) {
	tell := func(text []byte) {
		if text = bytes.TrimRight(text, "\r"); len(text) > 0 {
			line(strings.ToValidUTF8(string(text), "\uFFFD"))
		}
	}
	buf, kept := make([]byte, longest), 0
	for {
		n, err := out.Read(buf[kept:])
		rest := buf[:kept+n]
		for {
			text, after, found := bytes.Cut(rest, []byte("\n"))
			if !found {
				break
			}
			tell(text)
			rest = after
		}
		if len(rest) == len(buf) || err != nil {
			tell(rest)
			rest = nil
		}
		kept = copy(buf, rest)
		if err != nil {
			return
		}
	}
}
