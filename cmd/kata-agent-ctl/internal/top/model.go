// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/live"
)

// A Source looks at an agent. The actors are asked for only where they are shown.
type Source interface {
	View(ctx context.Context) (*live.View, error)
	Actors(ctx context.Context) ([]live.Actor, error)
}

// Run shows what a source tells until somebody presses q, or ctx ends.
func Run(ctx context.Context, s Source, every time.Duration) error {
	_, err := tea.NewProgram(newModel(ctx, s, every), tea.WithContext(ctx), tea.WithAltScreen()).Run()
	if ctx.Err() != nil {
		return nil // somebody has asked for the end
	}
	return err
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
	ctx    context.Context // of the program: bubbletea hands none to a model

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

// Init begins with a look.
func (m model) Init() tea.Cmd { return m.look() }

func (m model) look() tea.Cmd {
	withActors := m.page == actorsPage
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, max(m.every, time.Second)*5)
		defer cancel()
		view, err := m.source.View(ctx)
		if err != nil {
			return looked{err: err}
		}
		var actors []live.Actor
		if withActors {
			actors, err = m.source.Actors(ctx)
		}
		return looked{view, actors, err}
	}
}

// Update takes a key, a new size of the terminal, or what a look has found.
func (m model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.KeyMsg:
		return m.key(message.String())
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case due:
		return m, m.look()
	case looked:
		m.take(message)
		return m, tea.Tick(m.every, func(time.Time) tea.Msg { return due{} })
	}
	return m, nil
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

func (m model) key(name string) (tea.Model, tea.Cmd) {
	switch name {
	case "q", "esc", "ctrl+c":
		return m, tea.Quit
	case "1", "2", "3":
		m.page, m.scroll = rune(name[0]), 0
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
	return m, nil
}

// View is the screen: head, what waits, the page, the keys.
func (m model) View() string {
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
