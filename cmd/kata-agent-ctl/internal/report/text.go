// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
)

// Text writes a run as tables.
func Text(w io.Writer, r *load.Result) error {
	fmt.Fprintf(w, "%s: %.1f s, agent %s at %s\n\n", r.Scenario.Name, r.Seconds, r.Agent, r.Address)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tcount\tfailed\tper second\tMiB/s\tp50\tp90\tp99\tp99.9\tmax ms\t")
	for _, o := range append(append([]load.Outcome{}, r.Loads...), r.Calls...) {
		l := o.Latency
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%s\t%s\t%s\t%s\t%s\t%s\t\n", o.Name, o.Operations, o.Errors, o.Rate,
			rate(o.MiBPerS), millis(l.P50), millis(l.P90), millis(l.P99), millis(l.P999), millis(l.Max))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if u := r.Usage; u != nil {
		fmt.Fprintf(w, "\nmemory of the agent (anonymous and shared): %s before, %s at most, %s after", mib(u.BeforeKiB), mib(u.PeakKiB), mib(u.AfterKiB))
		if u.PerHeldKiB != 0 {
			fmt.Fprintf(w, "; %.1f KiB for each held", u.PerHeldKiB)
		}
		fmt.Fprintf(w, "\nprocessor %.0f %%, at most %d threads and %d descriptors (%d before, %d after)\n",
			u.CPUPercent, u.PeakThreads, u.PeakDescriptors, u.BeforeDescriptors, u.AfterDescriptors)
	}
	for i, trend := range r.Trends {
		lead := "; "
		if i == 0 {
			lead = "second half: "
		}
		fmt.Fprintf(w, "%s%s", lead, trend)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(w, "\nfailure: %s", f)
	}
	_, err := fmt.Fprintf(w, "\nfailures: %d\n", r.Failed)
	return err
}

func mib(kib int64) string { return fmt.Sprintf("%.1f MiB", float64(kib)/1024) }

func rate(v float64) string {
	if v < 0.05 {
		return ""
	}
	return fmt.Sprintf("%.1f", v)
}

// millis shows a time in milliseconds with three digits or so.
func millis(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
