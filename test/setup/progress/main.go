// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// quiet is how long nothing is printed before the tests that run are named.
const quiet = 30 * time.Second

func main() {
	record := flag.String("record", "", "file that the results of tests are added to")
	summary := flag.String("summary", "", "file whose results are summed up, in place of reading events")
	checks := flag.String("checks", "", "file with what make check has skipped: name, tab, reason; for the summary")
	module := flag.String("module", "", "module path, left out of the names of packages")
	flag.Parse()
	if err := run(*record, *summary, *checks, *module); err != nil {
		fmt.Fprintln(os.Stderr, "progress:", err)
		os.Exit(1)
	}
}

func run(record, summary, checks, module string) error {
	if summary != "" {
		f, err := os.Open(summary)
		if err != nil {
			return err
		}
		defer f.Close()
		skipped, _ := os.ReadFile(checks) // nothing was checked without it
		return summarize(f, string(skipped), os.Stdout)
	}
	results := io.Discard
	if record != "" {
		f, err := os.OpenFile(record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		results = f
	}
	w := newWatcher(os.Stdout, results, module, time.Now())
	tick := time.NewTicker(quiet / 10)
	defer tick.Stop()
	lines := read(os.Stdin)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return nil
			}
			w.line(line, time.Now())
		case now := <-tick.C:
			w.heartbeat(now)
		}
	}
}

// read hands over the lines of r, of any length.
func read(r io.Reader) <-chan []byte {
	lines := make(chan []byte, 64)
	go func() {
		defer close(lines)
		in := bufio.NewReaderSize(r, 1<<16)
		for {
			line, err := in.ReadBytes('\n')
			if len(line) > 0 {
				lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// event is one of those that go help test2json describes. Builds have ImportPath for Package.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

func parse(line []byte) (event, bool) {
	var e event
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
		return event{}, false
	}
	return e, true
}
