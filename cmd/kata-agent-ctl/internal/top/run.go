// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
)

// Run shows what a source tells until somebody presses q, or ctx ends.
func Run(ctx context.Context, s Source, every time.Duration) error {
	screen, err := tcell.NewScreen()
	if err == nil {
		err = screen.Init()
	}
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer screen.Fini()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, quit := make(chan tcell.Event), make(chan struct{})
	defer close(quit)
	go screen.ChannelEvents(events, quit)
	show(newModel(ctx, s, every), screen, events)
	return nil
}

// show looks, draws and takes keys. One look is under way at a time; the next one begins every after
// it has ended.
func show(m model, screen tcell.Screen, events <-chan tcell.Event) {
	found := make(chan looked, 1) // room for a look that nobody waits for any more
	begin := func(m model) { found <- m.look() }
	go begin(m)
	next := time.NewTimer(time.Hour)
	next.Stop()
	defer next.Stop()
	for goes := true; goes; {
		draw(screen, m.text())
		select {
		case <-m.ctx.Done():
			return
		case <-next.C:
			go begin(m)
		case l := <-found:
			goes = m.update(l)
			next.Reset(m.every)
		case e, open := <-events:
			if !open {
				return // the terminal has gone
			}
			goes = m.update(message(e))
		}
	}
}

// message is what an event of the terminal is to the model.
func message(e tcell.Event) any {
	switch e := e.(type) {
	case *tcell.EventResize:
		width, height := e.Size()
		return size{width, height}
	case *tcell.EventKey:
		if e.Key() == tcell.KeyRune {
			return key(string(e.Rune()))
		}
		return keys[e.Key()]
	}
	return nil
}

// keys are the names of those that are no characters.
var keys = map[tcell.Key]key{
	tcell.KeyCtrlC: "ctrl+c", tcell.KeyEscape: "esc", tcell.KeyTab: "tab", tcell.KeyUp: "up", tcell.KeyDown: "down",
	tcell.KeyPgUp: "pgup", tcell.KeyPgDn: "pgdown",
}

// draw puts lines on the screen.
func draw(screen tcell.Screen, text string) {
	screen.Clear()
	for y, line := range strings.Split(text, "\n") {
		x := 0
		for _, r := range line {
			screen.SetContent(x, y, r, nil, tcell.StyleDefault)
			x++
		}
	}
	screen.Show()
}
