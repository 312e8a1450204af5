// SPDX-License-Identifier: Apache-2.0

//go:build failpoints

package failpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Variable names the file with the points of an agent.
const Variable = "KATA_AGENT_FAILPOINTS"

// pollInterval is how often a point that stands still looks whether its line is gone.
const pollInterval = 5 * time.Millisecond

// callerGone bounds the wait for the end of a context after its caller was dropped: undo goes on
// without one.
const callerGone = 2 * time.Second

// hits counts, for lines with a number.
var hits sync.Map // line: *int, guarded by mu

// reachFile does what the file says of a point.
func reachFile(ctx context.Context, at Hit) error {
	name := os.Getenv(Variable)
	if name == "" {
		return nil
	}
	note(name, at)
	line, action := lookUp(name, at.Point)
	if line == "" || !counts(line, &action) {
		return nil
	}
	verb, text, _ := strings.Cut(strings.TrimSuffix(action, ")"), "(")
	if text == "" {
		text = "failpoint " + at.Point
	}
	still := func() bool { now, _ := lookUp(name, at.Point); return now == line }
	switch verb {
	case "error":
		return errors.New(text)
	case "panic":
		panic(text)
	case "exit":
		os.Exit(3)
	case "cancel":
		return cancelCaller(ctx, at)
	case "block":
		return stand(ctx, still)
	case "stuck":
		return stand(context.WithoutCancel(ctx), still)
	}
	return fmt.Errorf("%s: no such action: %q", name, action)
}

// lookUp returns the line of a point, "" for none, and its action.
func lookUp(name, point string) (line, action string) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if p, action, ok := strings.Cut(line, "="); ok && p == point {
			return line, action
		}
	}
	return "", ""
}

// counts tells whether a hit is among those that a line is for, and takes the number off its action.
func counts(line string, action *string) bool {
	n, rest, ok := strings.Cut(*action, "*")
	limit, err := strconv.Atoi(n)
	if !ok || err != nil {
		return true
	}
	*action = rest
	mu.Lock()
	defer mu.Unlock()
	count, _ := hits.LoadOrStore(line, new(int))
	*count.(*int)++
	return *count.(*int) <= limit
}

func stand(ctx context.Context, still func() bool) error {
	for still() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
	return nil
}

func cancelCaller(ctx context.Context, at Hit) error {
	if at.Drop == nil {
		return nil
	}
	at.Drop()
	select {
	case <-ctx.Done():
	case <-time.After(callerGone):
	}
	return nil
}

// note appends the hit to the list of hits.
func note(name string, at Hit) {
	line, err := json.Marshal(at)
	if err != nil {
		return
	}
	f, err := os.OpenFile(name+".hits", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.Write(append(line, '\n'))
}
