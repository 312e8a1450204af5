// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
)

// Text is the view for people who look into the guest: a line for each step under way, each container and
// each method with requests that have no answer.
func (l *Live) Text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "kata-agent %s, up %.0f s, %d steps under way\n", l.Agent, l.Uptime, len(l.Steps)+l.MoreSteps)
	rows(&text, "SECONDS\tCONTAINER\tEXEC\tSTEP\tREQUEST\tCONNECTION\tACTOR", l.Steps, func(s LiveStep) []any {
		return []any{fmt.Sprintf("%.1f", s.Seconds), s.Container, s.Exec, s.Step, s.Method, s.Connection, s.Actor}
	})
	rows(&text, "CONTAINER\tSTATE\tPID\tSESSIONS\tDOING", l.Containers, func(c LiveContainer) []any {
		return []any{c.ID, c.State, c.Pid, len(c.Sessions), c.Doing}
	})
	rows(&text, "REQUEST\tWITHOUT ANSWER\tOLDEST, SECONDS", l.Calls, func(c LiveCalls) []any {
		return []any{c.Method, c.Calls, fmt.Sprintf("%.1f", c.Oldest)}
	})
	return text.String()
}

// rows writes a table, with a hyphen where there is nothing to tell, so that programs can tell columns
// apart; nothing if it is empty.
func rows[T any](text *strings.Builder, head string, all []T, cells func(T) []any) {
	if len(all) == 0 {
		return
	}
	w := tabwriter.NewWriter(text, 0, 1, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, r := range all {
		line := make([]string, 0, 8)
		for _, c := range cells(r) {
			line = append(line, cmp.Or(fmt.Sprint(c), "-"))
		}
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	_ = w.Flush() // into memory
}
