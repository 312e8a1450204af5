// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/live"
	"github.com/kata-containers/kata-agent/test/guard"
)

var update = flag.Bool("update", false, "write the recorded screens anew")

// pod is an agent with a create that waits for a disk, and a session that nobody reads; later is how
// many seconds have passed.
func pod(later float64) *live.View {
	unread := 64 << 10
	return &live.View{
		Version: 1, Agent: "4.2.0", Uptime: 3700 + later, Resident: 3 << 20, LogLevel: "info", At: time.Unix(1000+int64(later), 0),
		Steps: []live.Step{
			{Step: "wait for device 0000:02/00", Container: "db", Method: "CreateContainer", Connection: "vsock:2:77", Seconds: 31 + later},
			{Step: "spawn", Container: "web", Exec: "e9", Method: "ExecProcess", Seconds: 0.01},
		},
		Containers: []live.Container{
			{ID: "db", State: "creating", Seconds: 31 + later, Doing: "wait for device 0000:02/00"},
			{ID: "web", State: "running", Pid: 120, Seconds: 3600 + later, Sessions: []live.Session{
				{Exec: "web", State: "running", Pid: 120, Seconds: 3600 + later, Stdout: 1000, Reads: 2},
				{Exec: "export", State: "running", Pid: 133, Seconds: 70 + later, Stdout: 5 << 20, Unread: &unread, Quiet: 60 + later},
				{Exec: "upload", State: "running", Pid: 140, Seconds: 12 + later, Stdin: uint64(later * (2 << 20)), Reads: 2},
			}},
		},
		Calls:         []live.Calls{{Method: "CreateContainer", Calls: 1, Oldest: 31 + later}, {Method: "ReadStdout", Calls: 2, Oldest: 3}},
		Connections:   []string{"vsock:2:77"},
		LatencyBounds: []float64{0.001, 0.01, 0.1},
		Latencies: []live.Latency{
			{Method: "WriteStdin", Calls: uint64(64 * later), Buckets: []uint64{uint64(60 * later), uint64(4 * later), 0, 0}},
			{Method: "Check", Calls: 7, Buckets: []uint64{7, 0, 0, 0}},
		},
		Actors: live.Actors{Living: 9, Mailbox: 1},
	}
}

// agent gives the pod at one second more for each look.
type agent struct {
	looks int
	err   error
}

func (a *agent) View(context.Context) (*live.View, error) {
	a.looks++
	return pod(float64(a.looks - 1)), a.err
}

func (a *agent) Actors(context.Context) ([]live.Actor, error) {
	return []live.Actor{
		{Path: "sandbox", Handled: 12}, {Path: "sandbox/container/db", Mailbox: 1, Parked: 2, Works: 1, Handled: 3},
		{Path: "uevent", Pending: 1, Handled: 40, Current: "*device.uevent", Seconds: 2.5},
	}, nil
}

// press sends messages; due is a look that has been made.
func press(m model, messages ...any) model {
	for _, message := range messages {
		if _, look := message.(due); look {
			message = m.look()
		}
		m.update(message)
	}
	return m
}

func start(a *agent) model {
	return press(newModel(context.Background(), a, time.Second), size{110, 20}, due{}, due{})
}

// TestScreens compares the pages with recorded ones. They show which session stalls, and which wait holds
// up which create.
func TestScreens(t *testing.T) {
	for name, keys := range map[string][]any{
		"sessions": nil,
		"calls":    {key("2")},
		"actors":   {key("3"), due{}},
		"small":    {size{60, 11}, key("j"), key("j")},
	} {
		t.Run(name, func(t *testing.T) {
			got := press(start(new(agent)), keys...).text() + "\n"
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("%v; the screen is\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}

func TestPause(t *testing.T) {
	m := press(start(new(agent)), key("p"))
	stands := press(m, due{}).text()
	if stands != m.text() || !strings.Contains(stands, "PAUSED") {
		t.Errorf("it does not stand still: %s", stands)
	}
	if goes := press(m, key("p"), due{}).text(); goes == stands || strings.Contains(goes, "PAUSED") {
		t.Errorf("it does not go on: %s", goes)
	}
}

// An agent that has stopped to answer leaves the last screen there, and says so.
func TestNoAnswer(t *testing.T) {
	a := new(agent)
	m := start(a)
	a.err = errors.New("gone")
	if got := press(m, due{}).text(); !strings.Contains(got, "no answer: gone") || !strings.Contains(got, "export") {
		t.Errorf("the screen is\n%s\nwant the error and what was there", got)
	}
	m = newModel(context.Background(), a, time.Second)
	if got := press(m, due{}).text(); !strings.Contains(got, "gone") {
		t.Errorf("before the first answer: %q, want the error", got)
	}
}

func TestKeysEnd(t *testing.T) {
	for _, k := range []key{"q", "ctrl+c"} {
		if m := start(new(agent)); m.update(k) {
			t.Errorf("%s does not end it", k)
		}
	}
}

// On a terminal: what is drawn, what keys do, and the end.
func TestRunOnAScreen(t *testing.T) {
	screen := tcell.NewSimulationScreen("")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	defer screen.Fini()
	screen.SetSize(110, 20)
	events, quit := make(chan tcell.Event), make(chan struct{})
	defer close(quit)
	go screen.ChannelEvents(events, quit)
	ended := make(chan struct{})
	go func() { show(newModel(t.Context(), new(agent), time.Millisecond), screen, events); close(ended) }()
	shows := func(text string) {
		t.Helper()
		guard.Until(t, text+" is on the screen", func() bool {
			var seen strings.Builder
			for i := range 110 * 20 {
				r, _, _, _ := screen.GetContent(i%110, i/110)
				seen.WriteRune(r)
			}
			return strings.Contains(seen.String(), text)
		})
	}
	shows("nobody reads for")
	screen.InjectKey(tcell.KeyRune, '2', tcell.ModNone)
	shows("P99 BELOW")
	screen.InjectKey(tcell.KeyTab, 0, tcell.ModNone)
	shows("MAILBOX")
	screen.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
	guard.Receive(t, "the end", ended)
}
