// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/kata-containers/kata-agent/test/guard"
)

// way is one way to make containers.
type way struct {
	name   string
	change func(*runtime.Options)
}

// maker makes containers in one way.
type maker struct {
	way
	options runtime.Options
	state   string
	static  bool // there are last stages
	warned  []string
	// way and reason of the last container, as Container.Way tells them; "" if there is none.
	took, reason string
}

func newMaker(t *testing.T, w way) *maker {
	t.Helper()
	h, err := nsexec.Start(t.TempDir())
	guesttest.Must(t, err)
	t.Cleanup(func() { guesttest.Must(t, h.Close()) })
	m := &maker{way: w, state: filepath.Join(t.TempDir(), "state")}
	last, err := h.LastStage()
	if m.static = err == nil; m.static {
		last.Close()
	}
	m.options = runtime.Options{
		StateRoot: m.state, Sys: "/sys", Proc: "/proc", Spawn: runtime.NewSpawner(h),
		Warn: func(err error) { m.warned = append(m.warned, err.Error()) },
	}
	if w.change != nil {
		w.change(&m.options)
	}
	// The first container of all leaves descriptors open for the next ones.
	dir := shortDir(t)
	m.make(t, shape{change: func(*box) {}}, filepath.Join(dir, "first"), false)
	return m
}

// streams are what a container's program has as its own, and where the test reads.
type streams struct {
	out   *os.File
	inner []*os.File
}

func (b *box) streams() (s streams) {
	if b.stdio.Terminal {
		return s
	}
	out, in, err := os.Pipe()
	guesttest.Must(b.tb, err)
	s.out, s.inner = out, []*os.File{in}
	b.stdio.Files[1], b.stdio.Files[2] = in, in
	return s
}

func (s *streams) started() {
	for _, f := range s.inner {
		f.Close()
	}
	s.inner = nil
}

func (s *streams) close() {
	s.started()
	if s.out != nil {
		s.out.Close()
	}
}

// make makes the container of a case, and has everything seen that can be. The container is gone then; that
// nothing is left of it is looked at if leftovers is set.
func (m *maker) make(t *testing.T, c shape, dir string, leftovers bool) seen {
	t.Helper()
	b := newBox(t, dir)
	defer b.close()
	c.change(b)
	if len(b.look) > 0 {
		b.spec.Process.Args = append(b.spec.Process.Args, b.look...)
	}
	before := machine(t)
	m.warned, m.took, m.reason = nil, "", ""
	s := m.live(t, b)
	for _, text := range m.warned {
		s.add("warned", "%s", b.plain(text))
	}
	s.tree("left in the root", b.root)
	s.tree("left of the state", m.state)
	b.hookFiles(s)
	var now machineState
	if leftovers && !guard.Holds(func() bool { now = machine(t); return now.same(before) }) {
		s.add("left", "%s", before.change(now))
	}
	return s
}

// live is the container's life.
func (m *maker) live(t *testing.T, b *box) seen {
	t.Helper()
	s := seen{}
	pipes := b.streams()
	defer pipes.close()
	c, init, err := runtime.Create(guard.Context(t), m.options, runtime.CreateOptions{
		ID: b.id, Bundle: filepath.Dir(b.root), Spec: b.spec, Stdio: b.stdio,
	})
	pipes.started()
	if err != nil {
		b.failed(s, "create", err)
		if c != nil {
			t.Errorf("%s: a container is left of a failed create, want none", m.name)
			_ = c.Abandon()
		}
		return s
	}
	if b.stdio.Terminal {
		pipes.out = init.TakeTerminal()
	}
	m.took, m.reason = c.Way()
	s.created(b, m.state, c)
	warnings, err := c.Start(guard.Context(t))
	b.failed(s, "start", err)
	for _, w := range warnings {
		b.failed(s, "start hooks", w)
	}
	if err == nil {
		text := report(t, pipes.out, b.stdio.Terminal)
		pid := strconv.Itoa(init.Pid)
		for section, lines := range understand(text, b) {
			for _, line := range lines {
				s.add(section, "%s", b.plain(line))
			}
		}
		s.running(pid)
	}
	m.end(t, b, s, c)
	return s
}

// end takes the container away.
func (m *maker) end(t *testing.T, b *box, s seen, c *runtime.Container) {
	t.Helper()
	_ = c.Init().Kill()
	c.Init().WaitGone()
	if err := c.KillAll(); err != nil {
		t.Errorf("%s: %v", m.name, err)
	}
	s.add("status of the end", "%d", c.Init().Reap())
	warnings, err := c.Destroy(context.Background())
	b.failed(s, "remove", err)
	for _, w := range warnings {
		b.failed(s, "remove hooks", w)
	}
}

// report reads what the probe writes, until it has said everything or has ended.
func report(t *testing.T, from *os.File, terminal bool) string {
	t.Helper()
	done := make(chan string, 1)
	go func() {
		var text bytes.Buffer
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf)
			text.Write(buf[:n])
			if err != nil || terminal && endLine.Match(text.Bytes()) {
				break
			}
		}
		done <- text.String()
	}()
	return guard.Receive(t, "what the program says", done)
}

var endLine = regexp.MustCompile(`(?m)^end\t\d+`)

// failed notes how a step has failed: the code and the text that a host gets.
func (b *box) failed(s seen, step string, err error) {
	if err == nil {
		return
	}
	code, text := rpc.Status(err)
	s.add("failed", "%s: %s: %s", step, code, b.plain(text))
}

var pids = regexp.MustCompile(`/proc/\d+|/self/task/\d+|pid \d+|process \d+|nsexec(?:-\d)?\[\d+|usage: \d+`)

// plain takes names out of a text that differ from one container to the next.
func (b *box) plain(text string) string {
	text = nameless.ReplaceAllString(text, "$1$2")
	return pids.ReplaceAllStringFunc(text, func(m string) string { return strings.TrimRight(m, "0123456789") + "N" })
}

// created looks at a container that waits for its start, from outside.
func (s seen) created(b *box, state string, c *runtime.Container) {
	pid := strconv.Itoa(c.Init().Pid)
	s.stateFile(b, filepath.Join(state, b.id, "state.json"), pid)
	s.cgroups(c.CgroupPaths())
	s.add("created", "parent %t, in %v", parent(pid) == os.Getpid(), cgroupsOf(pid))
	for _, name := range []string{"ipc", "mnt", "net", "pid", "user", "uts", "cgroup"} {
		link, err := os.Readlink(filepath.Join("/proc", pid, "ns", name))
		if err != nil {
			s.add("created", "%s: %v", name, err)
			continue
		}
		s.add("created", "%s", b.whoseNamespace(name+" -> "+link))
	}
}

// running looks at a container whose program runs, from outside.
func (s seen) running(pid string) {
	s.add("running", "parent %t", parent(pid) == os.Getpid())
	for _, name := range []string{"comm", "oom_score_adj", "cmdline", "loginuid"} {
		text, err := os.ReadFile(filepath.Join("/proc", pid, name))
		s.add("running", "%s: %q, %v", name, text, err)
	}
}

func parent(pid string) int {
	text, _ := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(f) < 2 {
		return -1
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

func cgroupsOf(pid string) string {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	if err != nil {
		return "no process"
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = slices.DeleteFunc(lines, foreign)
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// foreign tells whether a line of /proc/<pid>/cgroup is of a hierarchy that somebody else has made on this
// machine, or of one that the container is not in.
func foreign(line string) bool { return strings.HasSuffix(line, ":/") }

// stateFile notes what libcontainer has written of a container. Times and numbers are each one's own.
func (s seen) stateFile(b *box, file, pid string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.add("state", "%v", err)
		return
	}
	var state map[string]any
	if err := json.Unmarshal(text, &state); err != nil {
		s.add("state", "%v", err)
		return
	}
	// Of the standard streams of a process that is to be restored from a checkpoint.
	delete(state, "external_descriptors")
	// The library's word for no limit of memory is one for none of swap, too.
	if group, ok := state["config"].(map[string]any)["cgroups"].(map[string]any); ok && group["memory"] == float64(-1) {
		delete(group, "memory_swap")
	}
	labels, _ := state["config"].(map[string]any)["labels"].([]any)
	slices.SortFunc(labels, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, own := range []string{"init_process_start", "created"} {
		if state[own] == nil {
			s.add("state", "no %s", own)
		}
		state[own] = nil
	}
	if fmt.Sprint(int(state["init_process_pid"].(float64))) == pid {
		state["init_process_pid"] = "init"
	}
	s.flat(b, "state", "", state)
}

// flat notes a JSON value in lines.
func (s seen) flat(b *box, section, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sorted(v) {
			s.flat(b, section, path+"/"+key, v[key])
		}
	case []any:
		for i, e := range v {
			s.flat(b, section, fmt.Sprintf("%s/%d", path, i), e)
		}
	default:
		s.add(section, "%s = %s", path, b.plain(fmt.Sprint(v)))
	}
}

func sorted[V any](m map[string]V) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// uses are files of a cgroup that say what is used, or that are for writing only.
var uses = regexp.MustCompile(`usage|stat$|stat_|numa|failcnt|peak|current|pressure|events|tasks|procs|threads|time|reset|force_empty|max_usage|recursive|io_service|io_merged|io_queued|io_wait|sectors|freeze.*(parent|self)|kill|swap.high`)

// cgroups notes the limits of the container's cgroups.
func (s seen) cgroups(paths map[string]string) {
	for _, controller := range sorted(paths) {
		entries, err := os.ReadDir(paths[controller])
		if err != nil {
			s.add("cgroup limits", "%s: %v", controller, err)
		}
		for _, e := range entries {
			if e.IsDir() || uses.MatchString(e.Name()) {
				continue
			}
			if text, err := os.ReadFile(filepath.Join(paths[controller], e.Name())); err == nil {
				s.add("cgroup limits", "%s: %s = %q", controller, e.Name(), text)
			}
		}
	}
}

// hookFiles notes what the hooks have written.
func (b *box) hookFiles(s seen) {
	dir := filepath.Join(b.dir, "hooks")
	files, _ := filepath.Glob(filepath.Join(dir, "*/*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		guesttest.Must(b.tb, err)
		section := "hook " + filepath.Base(file)
		var mounts []string
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			if strings.HasPrefix(line, "{") {
				var state map[string]any
				guesttest.Must(b.tb, json.Unmarshal([]byte(line), &state))
				if pid, _ := state["pid"].(float64); pid > 1 {
					state["pid"] = "seen from outside"
				}
				s.flat(b, section, "", state)
				continue
			}
			if mount, ok := strings.CutPrefix(line, "mount:"); ok {
				mounts = append(mounts, mount)
				continue
			}
			if kind, ok := strings.CutPrefix(line, "ns:"); ok {
				line = b.whoseNamespace(kind)
			}
			s.add(section, "%s", b.plain(nameless.ReplaceAllString(line, "$1$2")))
		}
		for _, line := range mountinfo(mounts) {
			s.add(section, "%s", line)
		}
	}
}
