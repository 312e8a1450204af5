// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/live"
)

// A Source looks at an agent. The actors are asked for only where they are shown.
type Source interface {
	View(ctx context.Context) (*live.View, error)
	Actors(ctx context.Context) ([]live.Actor, error)
}

// The pages, by the key that shows them.
const (
	sessionsPage = '1'
	callsPage    = '2'
	actorsPage   = '3'
)

// model is the state of the screen.
type model struct {
	source Source
	every  time.Duration
	ctx    context.Context // of the program

	page          rune
	paused        bool
	scroll        int
	width, height int

	before, view *live.View
	actors       []live.Actor
	err          error // of the last look
}

func newModel(ctx context.Context, s Source, every time.Duration) model {
	return model{source: s, every: every, ctx: ctx, page: sessionsPage, width: 100, height: 30}
}

// looked is what a look has found.
type looked struct {
	view   *live.View
	actors []live.Actor
	err    error
}

// due is the time for the next look.
type due struct{}

// key is one that was pressed, by its name: "q", "down", "ctrl+c".
type key string

// size is a new size of the terminal, in characters.
type size struct{ width, height int }

// look asks the agent for what the page shows. It takes a copy of the model, so it may run beside it.
func (m model) look() looked {
	ctx, cancel := context.WithTimeout(m.ctx, max(m.every, time.Second)*5)
	defer cancel()
	view, err := m.source.View(ctx)
	if err != nil {
		return looked{err: err}
	}
	var actors []live.Actor
	if m.page == actorsPage {
		actors, err = m.source.Actors(ctx)
	}
	return looked{view, actors, err}
}

// update takes a key, a new size of the terminal, or what a look has found. It returns whether the
// program goes on.
func (m *model) update(message any) bool {
	switch message := message.(type) {
	case key:
		return m.press(message)
	case size:
		m.width, m.height = message.width, message.height
	case looked:
		m.take(message)
	}
	return true
}

// take keeps what was found. An agent that does not answer leaves what was there, and its error.
func (m *model) take(l looked) {
	m.err = l.err
	if l.view == nil || m.paused {
		return
	}
	m.before, m.view = m.view, l.view
	if l.actors != nil {
		m.actors = l.actors
	}
}

func (m *model) press(k key) bool {
	switch k {
	case "q", "esc", "ctrl+c":
		return false
	case "1", "2", "3":
		m.page, m.scroll = rune(k[0]), 0
	case "tab":
		m.page, m.scroll = sessionsPage+(m.page-sessionsPage+1)%3, 0
	case "p", " ":
		m.paused = !m.paused
	case "down", "j":
		m.scroll++
	case "up", "k":
		m.scroll = max(m.scroll-1, 0)
	case "pgdown":
		m.scroll += m.height / 2
	case "pgup":
		m.scroll = max(m.scroll-m.height/2, 0)
	}
	return true
}

// text is the screen: head, what waits, the page, the keys.
func (m model) text() string {
	if m.view == nil {
		if m.err != nil {
			return m.err.Error() + "\n"
		}
		return "asking the agent ...\n"
	}
	lines := append(m.head(), m.waits()...)
	lines = append(lines, "")
	body := m.body()
	room := max(m.height-len(lines)-2, 1)
	first := min(m.scroll, max(len(body)-room, 0))
	lines = append(lines, body[first:min(first+room, len(body))]...)
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, m.foot(len(body)-first-room))
	for i, line := range lines {
		lines[i] = clip(line, m.width)
	}
	return strings.Join(lines, "\n")
}

func (m model) body() []string {
	switch m.page {
	case callsPage:
		return m.calls()
	case actorsPage:
		return m.tree()
	}
	return m.sessions()
}
