// SPDX-License-Identifier: Apache-2.0

package components

import (
	"fmt"

	"github.com/kata-containers/kata-agent/actors/core"
)

// launcher is the parent of the components' actors.
type launcher struct {
	options Options
	launch  *Launch // while it is under way
	next    int     // the process to start next
}

// New makes the behaviour.
func New(o Options) core.Behavior { return &launcher{options: o} }

// Receive handles one message.
func (l *launcher) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case *Launch:
		l.launch = m
		l.goOn(t)
	case ready:
		if l.launch != nil && m.id == l.options.Processes[l.next-1].ID {
			l.goOn(t)
		}
	case failed:
		l.end(m.err)
	case core.ChildExited:
		l.end(fmt.Errorf("%s: %w", m.Name, m.Cause))
	}
}

// goOn starts the next component.
func (l *launcher) goOn(t *core.Turn) {
	if l.next == len(l.options.Processes) {
		l.end(nil)
		return
	}
	p := l.options.Processes[l.next]
	l.next++
	ref, err := t.Spawn(p.ID, &component{options: l.options, process: p, launcher: t.Self()})
	if err != nil {
		l.end(fmt.Errorf("%s: %w", p.ID, err))
		return
	}
	ref.Tell(again{})
}

// end answers who has asked for the launch.
func (l *launcher) end(err error) {
	if l.launch == nil {
		return
	}
	if err != nil {
		err = fmt.Errorf("guest components: %w", err)
	}
	l.launch.Reply(struct{}{}, err)
	l.launch = nil
}

// Stopped has nothing to give back: the components end with the works of their actors.
func (l *launcher) Stopped(error) {}
