// SPDX-License-Identifier: Apache-2.0

package top

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/live"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/output"
)

// head is the agent as a whole.
func (m model) head() []string {
	v := m.view
	state := ""
	if m.paused {
		state = "   PAUSED"
	}
	if m.err != nil {
		state += "   no answer: " + m.err.Error()
	}
	var rate, sessions float64
	if m.before != nil {
		for _, r := range live.MethodRates(m.before, v) {
			rate += r.PerSecond
		}
	}
	waiting := 0
	for _, c := range v.Calls {
		waiting += c.Calls
	}
	for _, c := range v.Containers {
		sessions += float64(len(c.Sessions))
	}
	return []string{
		fmt.Sprintf("kata-agent %s   up %s   memory %s   log %s%s", v.Agent, output.Age(v.Uptime), output.Bytes(uint64(max(v.Resident, 0))), v.LogLevel, state),
		fmt.Sprintf("%d containers, %.0f processes   %.0f calls/s, %d waiting, %d connections   %d actors, %d messages queued",
			len(v.Containers), sessions, rate, waiting, len(v.Connections), v.Actors.Living, v.Actors.Mailbox),
	}
}

// longStep is for how long a step must have run to be among what waits, in seconds: a healthy agent
// shows none.
const longStep = 1

// maxWaits are shown, the oldest ones; the rest is counted.
const maxWaits = 8

// waits are steps that take long, with what they hold up.
func (m model) waits() []string {
	rows := output.Rows{{"WAITS", "FOR", "CONTAINER", "EXEC", "CALL", "CONNECTION"}}
	more := 0
	for _, s := range m.view.Steps {
		switch {
		case s.Seconds < longStep || s.Step == s.Method:
		case len(rows) > maxWaits:
			more++
		default:
			rows = append(rows, []string{s.Step, output.Age(s.Seconds), s.Container, s.Exec, s.Method, s.Connection})
		}
	}
	if len(rows) == 1 {
		return []string{"", "nothing waits"}
	}
	lines := append([]string{""}, table(rows)...)
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

// sessions are containers and, below each, its processes.
func (m model) sessions() []string {
	rates := map[[2]string]live.Rate{}
	if m.before != nil {
		rates = live.SessionRates(m.before, m.view)
	}
	rows := output.Rows{{"CONTAINER / EXEC", "STATE", "PID", "AGE", "IN/s", "OUT/s", "UNREAD", "WAITS, STALLS"}}
	for _, c := range m.view.Containers {
		rows = append(rows, []string{c.ID, c.State, number(c.Pid), output.Age(c.Seconds), " ", " ", " ", c.Doing + " "})
		for _, s := range c.Sessions {
			name := "first process"
			if s.Exec != c.ID {
				name = s.Exec
			}
			rows = append(rows, sessionRow("  "+name, s, rates[[2]string{c.ID, s.Exec}]))
		}
	}
	return table(rows)
}

func sessionRow(name string, s live.Session, r live.Rate) []string {
	unread, stall := "", " "
	if s.Unread != nil {
		unread = output.Bytes(uint64(max(*s.Unread, 0)))
	}
	if s.Stalled() {
		stall = "nobody reads for " + output.Age(s.Quiet)
	}
	return []string{
		name, s.State, number(s.Pid), output.Age(s.Seconds), output.Bytes(uint64(max(r.In, 0))), output.Bytes(uint64(max(r.Out, 0))), unread, stall,
	}
}

// calls are the methods with their rates since the last look.
func (m model) calls() []string {
	rows := output.Rows{{"CALL", "PER SECOND", "P50 BELOW", "P99 BELOW", "WAITING", "OLDEST"}}
	if m.before == nil {
		return table(rows)
	}
	for _, r := range live.MethodRates(m.before, m.view) {
		row := []string{r.Method, fmt.Sprintf("%.1f", r.PerSecond), millis(r.P50), millis(r.P99), number(r.Pending), ""}
		if r.Pending > 0 {
			row[5] = output.Age(r.Oldest)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// tree is the actors, each below its parent.
func (m model) tree() []string {
	rows := output.Rows{{"ACTOR", "MAILBOX", "PARKED", "WORKS", "PENDING", "HANDLED", "TURN"}}
	for _, a := range m.actors {
		turn := " "
		if a.Current != "" {
			turn = a.Current + " for " + output.Age(a.Seconds)
		}
		depth := strings.Count(a.Path, "/")
		name := strings.Repeat("  ", depth) + a.Path[strings.LastIndexByte(a.Path, '/')+1:]
		rows = append(rows, []string{
			name, strconv.Itoa(a.Mailbox), strconv.Itoa(a.Parked), strconv.Itoa(a.Works), strconv.Itoa(a.Pending),
			strconv.FormatUint(a.Handled, 10), turn,
		})
	}
	return table(rows)
}

// foot names the keys, and how many lines are below the screen.
func (m model) foot(below int) string {
	keys := "1 sessions  2 calls  3 actors  p pause  q quit"
	if below > 0 {
		keys += fmt.Sprintf("   %d more lines: down", below)
	}
	return keys
}

func table(rows output.Rows) []string {
	var out bytes.Buffer
	_ = rows.Write(&out) // into memory: cannot fail
	return strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func millis(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return fmt.Sprintf("%g ms", seconds*1000)
}

// clip cuts a line at the right edge of the screen.
func clip(line string, width int) string {
	runes := []rune(strings.TrimRight(line, " "))
	if len(runes) > width {
		runes = runes[:width]
	}
	return string(runes)
}
