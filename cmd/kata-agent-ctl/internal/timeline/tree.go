// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"slices"
	"strings"
	"time"
)

// node is a span with its steps, in the order of their starts.
type node struct {
	Span
	steps []*node
}

// rootName is the span of the agent itself, whose steps are requests.
const rootName = "root-span"

// requests are the trees to draw, in the order of their starts: those of requests, and of spans whose
// parents are not in the file.
func requests(spans []Span) (tops []*node) {
	nodes := map[string]*node{}
	for _, s := range spans {
		nodes[s.Trace+s.ID] = &node{Span: s}
	}
	for _, n := range nodes {
		parent := nodes[n.Trace+n.Parent]
		switch {
		case n.Name == rootName:
		case n.Request || parent == nil || parent.Name == rootName || parent == n:
			tops = append(tops, n)
		default:
			parent.steps = append(parent.steps, n)
		}
	}
	for _, n := range nodes {
		inOrder(n.steps)
	}
	inOrder(tops)
	return tops
}

func inOrder(all []*node) {
	slices.SortFunc(all, func(a, b *node) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// walk calls f for the node and all below it. Of spans that are their own ancestors there is none in
// a tree: they hang together, and on nothing.
func (n *node) walk(depth int, f func(n *node, depth int)) {
	f(n, depth)
	for _, s := range n.steps {
		s.walk(depth+1, f)
	}
}

// extent is the time from the first start to the last end.
func extent(tops []*node) (from, to time.Time) {
	for i, top := range tops {
		top.walk(0, func(n *node, _ int) {
			if i == 0 && n == top || n.Start.Before(from) {
				from = n.Start
			}
			if n.End.After(to) {
				to = n.End
			}
		})
	}
	return from, to
}

// what tells a request from others of its name: its ids.
func (n *node) what() string {
	_, ids, found := strings.Cut(n.Attributes["req"], "{")
	if !found {
		return ""
	}
	var words []string
	for _, field := range strings.Split(strings.Trim(ids, " }"), ",") {
		if _, value, ok := strings.Cut(field, ": "); ok {
			words = append(words, strings.Trim(value, `"`))
		}
	}
	return strings.Join(slices.Compact(words), " ")
}

// label is what a step's line says beside its name.
func (n *node) label() string {
	if v := n.Attributes["device"]; v != "" {
		return "wait for " + v
	}
	for _, key := range []string{"actor", "mount_point"} {
		if v := n.Attributes[key]; v != "" {
			return n.Name + " " + v
		}
	}
	return n.Name
}
