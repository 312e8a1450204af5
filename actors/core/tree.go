// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"strings"
	"time"
)

// ActorInfo is one actor in the live view.
type ActorInfo struct {
	Path    string
	Mailbox int    // messages that wait, those to be replayed included
	Parked  int    // messages put aside
	Works   int    // works under way
	Pending int    // requests received and not yet answered, parked ones not counted
	Handled uint64 // turns begun
	// Current is the type of the message whose turn runs, "" for none, and
	// Since how long it has been running.
	Current  string
	Since    time.Duration
	Stopping bool
}

// Tree lists the living actors by path. It takes no turn, so it also shows an
// actor that hangs.
func (s *System) Tree() []ActorInfo {
	s.mu.Lock()
	level := make([]*actor, 0, len(s.top))
	for _, a := range s.top {
		level = append(level, a)
	}
	s.mu.Unlock()
	var infos []ActorInfo
	for len(level) > 0 {
		a := level[len(level)-1]
		info, children := a.info()
		level = append(level[:len(level)-1], children...)
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b ActorInfo) int { return strings.Compare(a.Path, b.Path) })
	return infos
}

func (a *actor) info() (i ActorInfo, children []*actor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i = ActorInfo{Path: a.path, Mailbox: a.queue.len(), Handled: a.handled, Stopping: a.gate != open}
	for c := a.pending; c != nil; c = c.next {
		i.Pending++
	}
	if a.current != nil {
		i.Current, i.Since = typeName(a.current), a.sys.now()-a.since
	}
	if x := a.x; x != nil {
		i.Mailbox += x.replay.len()
		i.Parked, i.Works = x.parked.len(), x.works
		for _, c := range x.children {
			children = append(children, c)
		}
	}
	return i, children
}
