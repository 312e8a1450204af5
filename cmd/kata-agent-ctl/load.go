// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/report"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type loadOptions struct {
	*global
	pid                     int
	rootfs, json, html, svg string
	duration                time.Duration
	quiet                   bool
}

func newLoad(g *global) *cobra.Command {
	o := &loadOptions{global: g}
	cmd := &cobra.Command{
		Use:     "load [flags] <scenario>",
		Short:   "Put an agent under load and measure it",
		GroupID: "load",
		Long: `Run a scenario: a TOML or JSON file with loads that run at the same time, as sessions one after
another or many at once, sessions that are held, streams, terminals, containers that come and go,
readers that stall, and any call by its name. Every byte that comes back is checked; the exit status
is 1 if any operation has failed.

With --pid the memory (anonymous and shared), processor time, threads and descriptors of an agent on
this machine are watched. The containers' root file system is made of /bin/busybox; for an agent in a
virtual machine say --rootfs and the path there of one that has busybox. A scenario:

  name = "sessions beside a stream"
  duration = "10s"

  [[load]]
  kind = "exec"
  workers = 32

  [[load]]
  kind = "stream"
  bytes = "256MiB"`,
		Example: `  kata-agent-ctl load --pid $(pidof kata-agent) test/bench/scenarios/exec-one.toml
  kata-agent-ctl load --pid $(pidof kata-agent) --json new.json --html new.html test/bench/scenarios/hold-1000.toml
  kata-agent-ctl compare old.json new.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.IntVar(&o.pid, "pid", 0, "`pid` of the agent, if it is on this machine")
	f.StringVar(&o.rootfs, "rootfs", "", "`path` of a root file system with busybox, where the agent is")
	f.StringVar(&o.json, "json", "", "`file` for the result as JSON, for compare")
	f.StringVar(&o.html, "html", "", "`file` for a report with plots")
	f.StringVar(&o.svg, "svg", "", "`file` for the plots alone, as a picture")
	f.DurationVar(&o.duration, "duration", 0, "`time` to run for, in place of the scenario's")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress and no tables")
	return cmd
}

func (o *loadOptions) run(cmd *cobra.Command, file string) error {
	scenario, err := load.Read(file)
	if err != nil {
		return err
	}
	if o.duration > 0 {
		scenario.Duration = load.Duration(o.duration)
	}
	a, err := o.parse()
	if err != nil {
		return err
	}
	limit, err := script.Duration(o.timeout)
	if err != nil {
		return fmt.Errorf("--timeout: %w", err)
	}
	line := newProgress(os.Stderr, o.quiet)
	r, err := load.Run(cmd.Context(), scenario, load.Options{
		Dial: func(ctx context.Context, observe func(string, time.Duration, error)) (*client.Client, error) {
			return client.Dial(ctx, a, client.Options{Timeout: limit, Patience: dialPatience, Observe: observe})
		},
		Address: a.String(), Rootfs: o.rootfs, PID: o.pid, Progress: line.show,
	})
	line.end()
	if len(r.Loads) > 0 { // what was measured is worth keeping, whatever happened then
		if e := o.write(cmd.OutOrStdout(), r); err == nil {
			err = e
		}
	}
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("load: %d operations failed; the first: %s", r.Failed, r.Failures[0])
	}
	return err
}

func (o *loadOptions) write(w io.Writer, r *load.Result) error {
	if !o.quiet {
		if err := report.Text(w, r); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := r.Write(o.json); err != nil {
			return err
		}
	}
	err := writePage(o.svg, func(w io.Writer) error { return report.SVG(w, r) })
	return errors.Join(err, writePage(o.html, func(w io.Writer) error { return report.HTML(w, r) }))
}

// writePage writes an HTML or SVG file, if one is asked for.
func writePage(file string, page func(io.Writer) error) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := page(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// progress is one line that is written over and over, if somebody looks.
type progress struct {
	to    *os.File
	shown bool
}

func newProgress(to *os.File, quiet bool) *progress {
	if quiet || !term.IsTerminal(int(to.Fd())) {
		to = nil
	}
	return &progress{to: to}
}

func (p *progress) show(s load.Status) {
	if p.to == nil {
		return
	}
	text := s.String()
	if columns, _, err := term.GetSize(int(p.to.Fd())); err == nil && columns > 1 && len(text) >= columns {
		text = text[:columns-1]
	}
	fmt.Fprintf(p.to, "\r%s\x1b[K", text) // to the line's start; clear what is behind
	p.shown = true
}

func (p *progress) end() {
	if p.shown {
		fmt.Fprintln(p.to)
	}
}
