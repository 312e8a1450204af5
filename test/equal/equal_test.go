// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// shape is one kind of container.
type shape struct {
	name   string
	change func(*box)
	// fails tells that there can be no such container: the answers are compared then.
	fails bool
	// mayFail is for what not every machine allows its root.
	mayFail bool
	// staged is a container that the first Go stage of libcontainer has no room in, or whose program cannot
	// be executed: it takes a last stage, and so a binary that is linked statically.
	staged bool
	// by is why libcontainer makes it even where it is to be made directly; "" if it need not.
	by string
	// says is how the text of a direct refusal ends, if not as libcontainer's; "" if it does.
	says string
}

// groups are all kinds of containers that are compared, by what they are about.
var groups = map[string][]shape{
	"pods": podShapes, "mounts": mountShapes, "mount points": mountPointShapes, "propagation": propagationShapes, "devices": deviceShapes,
	"paths": pathShapes, "processes": processShapes, "users": userShapes, "namespaces": namespaceShapes, "cgroups": cgroupShapes,
	"hooks": hookShapes, "images": oddShapes, "refusals": refusedShapes,
}

// ways are compared, each with the first.
func ways() []way {
	return []way{
		{name: "libcontainer"},
		{name: "direct", change: func(o *runtime.Options) { o.Init = runtime.InitDirect }},
	}
}

// TestEqual makes each kind of container in each way.
func TestEqual(t *testing.T) {
	guesttest.NeedRoot(t, "to make containers")
	var makers []*maker
	for _, w := range ways() {
		makers = append(makers, newMaker(t, w))
	}
	dir := shortDir(t)
	for _, group := range Groups {
		t.Run(group, func(t *testing.T) { equal(t, makers, groups[group], dir) })
	}
}

// equal makes containers in the ways of makers, and compares them.
func equal(t *testing.T, makers []*maker, shapes []shape, dir string) {
	t.Helper()
	for _, c := range shapes {
		t.Run(c.name, func(t *testing.T) {
			if c.staged && !makers[0].static {
				t.Skip("needs a binary that is linked statically")
			}
			var first seen
			for i, m := range makers {
				s := m.make(t, c, filepath.Join(dir, "box"), true)
				if left := s["left"]; len(left) > 0 {
					t.Errorf("%s: left behind: %s", m.name, left)
				}
				wantOutcome(t, m.name, c, s)
				m.wantWay(t, c)
				if i == 0 {
					first = s
					continue
				}
				wantWords(t, c, first, s)
				compare(t, first, s, makers[0].name, m.name)
			}
		})
	}
}

// wantWords looks at a refusal that has other words than libcontainer's: the code and the end are known.
func wantWords(t *testing.T, c shape, a, b seen) {
	t.Helper()
	if c.says == "" || len(a["failed"]) != 1 || len(b["failed"]) != 1 {
		return
	}
	words := b["failed"][0]
	if !strings.HasPrefix(words, "create: Internal: create container \"equal\": ") || !strings.HasSuffix(words, c.says) {
		t.Errorf("refused with %q, want words that end with %q", words, c.says)
	}
	b["failed"] = a["failed"]
}

// wantWay sees to it that a container was made in the way that it is to be made.
func (m *maker) wantWay(t *testing.T, c shape) {
	t.Helper()
	want, reason := runtime.WayDirect, ""
	if m.options.Init == runtime.InitLibcontainer {
		want = runtime.WayLibcontainer
	} else if c.by != "" {
		want, reason = runtime.WayLibcontainer, c.by
	}
	if m.took != "" && (m.took != want || m.reason != reason) {
		t.Errorf("%s: made by %s, %q; want %s, %q", m.name, m.took, m.reason, want, reason)
	}
}

// compare fails the test where two containers differ.
func compare(t *testing.T, a, b seen, nameA, nameB string) {
	t.Helper()
	if ranA, ranB := len(a["end"]) > 0, len(b["end"]) > 0; ranA != ranB {
		t.Errorf("%s: ran %t, %q; %s: ran %t, %q", nameA, ranA, a["failed"], nameB, ranB, b["failed"])
		return
	}
	for _, line := range diff(a, b, nameA, nameB) {
		t.Error(line)
	}
}

// wantOutcome sees to it that a case is what it says: a container that runs, or one that is refused.
func wantOutcome(t *testing.T, who string, c shape, s seen) {
	t.Helper()
	failed, ran := s["failed"], len(s["end"]) > 0
	switch {
	case c.mayFail && len(failed) > 0:
	case c.fails && (len(failed) == 0 || ran):
		t.Errorf("%s: the container was made, want it refused", who)
	case strings.HasPrefix(c.name, "image: "): // whether it is refused is compared
	case !c.fails && !ran:
		t.Errorf("%s: the program has not told what it sees: %q", who, failed)
	}
}

// shortDir is a directory with a short path that users may enter, too.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eq")
	guesttest.Must(t, err)
	guesttest.Must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { guesttest.Must(t, os.RemoveAll(dir)) })
	return dir
}

// TestShapes: names are given once, so that a case can be run alone, and there are as many as there should be.
func TestShapes(t *testing.T) {
	seen := map[string]bool{}
	for _, group := range Groups {
		if len(groups[group]) == 0 {
			t.Errorf("group %q has no cases", group)
		}
		for _, c := range groups[group] {
			if seen[c.name] {
				t.Errorf("two cases are called %q", c.name)
			}
			seen[c.name] = true
		}
	}
	if len(Groups) != len(groups) {
		t.Errorf("%d groups are named, want all %d", len(Groups), len(groups))
	}
	const least = 40
	if len(seen) < least {
		t.Errorf("%d kinds of containers, want at least %d", len(seen), least)
	}
}
