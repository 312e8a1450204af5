// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// Whole is all there is of an agent, seen from outside and told by itself. It is for tests after which nothing may
// be different.
type Whole struct {
	State
	Processes  []string // in the agent's mount namespace or in a cgroup of the test
	Namespaces []string // of the agent's threads, other than those of the agent
	Actors     []string // paths
	Goroutines []string // the function that each one began with
}

// Whole looks at the agent as it is now. The agent must answer GetDiagnosticData.
func (p *Pod) Whole() (w Whole, err error) {
	p.findHelper() // one that has died has a successor
	w = Whole{State: p.State(), Processes: p.processes(), Namespaces: p.namespaces()}
	if w.Actors, err = p.actors(); err == nil {
		w.Goroutines, err = p.goroutines()
	}
	return w, err
}

// SameAs returns what is different from before, once it does not change for the better any more: an empty list, at once,
// if nothing is.
func (p *Pod) SameAs(tb testing.TB, before Whole) (different []string) {
	tb.Helper()
	guard.Holds(func() bool {
		now, err := p.Whole()
		if different = before.difference(now); err != nil {
			different = append(different, err.Error())
		}
		return len(different) == 0
	})
	return different
}

// difference lists what is left, and what is missing of that which stays.
func (w Whole) difference(now Whole) []string {
	out := beyond(w.State, now.State)
	for _, part := range []struct {
		name        string
		before, now []string
	}{
		{"process", w.Processes, now.Processes}, {"namespace", w.Namespaces, now.Namespaces},
		{"actor", w.Actors, now.Actors}, {"goroutine", w.Goroutines, now.Goroutines},
	} {
		for _, m := range surplus(part.before, part.now, false) {
			out = append(out, part.name+" "+m)
		}
	}
	for _, part := range []struct {
		name        string
		before, now []string
	}{{"actor", w.Actors, now.Actors}, {"mount", w.Mounts, now.Mounts}, {"cgroup", w.Cgroups, now.Cgroups}} {
		for _, m := range surplus(part.now, part.before, false) {
			// The machine's own mounts may go meanwhile.
			if part.name == "mount" && !strings.HasPrefix(m, "/run/") {
				continue
			}
			out = append(out, "missing: "+part.name+" "+m)
		}
	}
	return out
}

// processes leaves out the agent and those that live as long as it does.
func (p *Pod) processes() (out []string) {
	own, _ := os.Readlink(p.proc("ns/mnt"))
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid := filepath.Base(dir)
		ns, _ := os.Readlink(dir + "/ns/mnt")
		inside := ns == own || strings.Contains(readFile(dir+"/cgroup"), p.Cgroup+"/")
		if inside && pid != p.helper && pid != fmt.Sprint(p.Pid) {
			out = append(out, describe(pid))
		}
	}
	return out
}

func (p *Pod) namespaces() (out []string) {
	links, _ := filepath.Glob(p.proc("task/*/ns/*"))
	for _, link := range links {
		kind := filepath.Base(link)
		own, _ := os.Readlink(p.proc("ns/" + kind))
		if ns, err := os.Readlink(link); err == nil && ns != own {
			out = append(out, ns)
		}
	}
	slices.Sort(out)
	return out
}

func (p *Pod) actors() (out []string, err error) {
	text, err := p.diagnostic("actors")
	for line := range strings.Lines(text) {
		var a struct{ Path string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return nil, fmt.Errorf("%w in %q", err, line)
		}
		out = append(out, a.Path)
	}
	return out, err
}

// goroutines takes the text of runtime/pprof: "<count> @ <addresses>", then a line for each function, the
// first one called last.
func (p *Pod) goroutines() (out []string, err error) {
	text, err := p.diagnostic("goroutines")
	count, first := 0, ""
	flush := func() {
		for range count {
			out = append(out, first)
		}
		count = 0
	}
	for line := range strings.Lines(text) {
		var n int
		if _, err := fmt.Sscanf(line, "%d @", &n); err == nil {
			flush()
			count = n
		} else if f := strings.Split(line, "\t"); len(f) > 2 && f[0] == "#" {
			first, _, _ = strings.Cut(f[2], "+0x")
		}
	}
	flush()
	return out, err
}

func (p *Pod) diagnostic(kind string) (string, error) {
	var r protocols.GetDiagnosticDataResponse
	err := p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: kind}, &r)
	return r.Data, err
}
