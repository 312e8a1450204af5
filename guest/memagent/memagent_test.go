// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
)

// tree is a fake guest. Its clock stands until it is moved.
type tree struct {
	t *testing.T
	Places
	at time.Time
}

func newTree(t *testing.T) *tree {
	dir := t.TempDir()
	g := &tree{t, Places{Cgroup: dir + "/cgroup", Sys: dir + "/sys", Proc: dir + "/proc"}, time.Now()}
	g.write("proc/self/cgroup", "0::/own\n")
	g.write("proc/meminfo", "MemTotal: 500000 kB\nMemFree: 40000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n")
	g.stall("proc/pressure/memory", 0)
	g.stall("proc/pressure/io", 0)
	return g
}

func (g *tree) now() time.Time { return g.at }

func (g *tree) path(name string) string { return filepath.Join(filepath.Dir(g.Proc), name) }

func (g *tree) write(name, text string) {
	g.t.Helper()
	if err := os.MkdirAll(filepath.Dir(g.path(name)), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(g.path(name), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *tree) read(name string) string {
	g.t.Helper()
	text, err := os.ReadFile(g.path(name))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(text)
}

// stall sets how long tasks have waited.
func (g *tree) stall(name string, d time.Duration) {
	g.t.Helper()
	g.write(name, fmt.Sprintf("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		d.Microseconds()))
}

// container makes a cgroup of v2 that can be reclaimed from.
func (g *tree) container(name string, inactiveFile, inactiveAnon int) {
	g.write("cgroup/"+name+"/memory.reclaim", "")
	g.write("cgroup/"+name+"/memory.stat", fmt.Sprintf("anon 1\ninactive_anon %d\ninactive_file %d\n", inactiveAnon, inactiveFile))
	g.stall("cgroup/"+name+"/memory.pressure", 0)
	g.stall("cgroup/"+name+"/io.pressure", 0)
}

func (g *tree) unified() {
	g.write("cgroup/cgroup.controllers", "memory\n")
	g.write("cgroup/memory.reclaim", "")
}

var settings = Memcg{SwappinessMax: 50, Period: 10 * time.Second, PeriodPressure: 1, EvictionPressure: 1, MinAgings: 3}

// rounds does n rounds, a period apart, and returns what the last one has done.
func (g *tree) rounds(r *Reclaimer, s Memcg, n int) (done Evicted) {
	g.t.Helper()
	for range n {
		g.at = g.at.Add(s.Period)
		var err error
		if done, err = r.Round(g.t.Context(), s); err != nil {
			g.t.Fatal(err)
		}
	}
	return done
}

// TestReclaimByMemoryReclaim: leaves of the hierarchy but the agent's are reclaimed from, after
// three quiet periods.
func TestReclaimByMemoryReclaim(t *testing.T) {
	g := newTree(t)
	g.unified()
	g.container("own", 1<<20, 0)
	g.container("pod", 1<<30, 0)
	g.container("pod/idle", 1<<20, 1<<20)
	g.container("pod/busy", 1<<20, 0)
	r := NewReclaimer(g.Places, g.now)
	g.rounds(r, settings, 2)
	if got := g.read("cgroup/pod/idle/memory.reclaim"); got != "" {
		t.Errorf("%q was reclaimed before the third round", got)
	}
	g.stall("cgroup/pod/busy/memory.pressure", 110*time.Millisecond)
	g.stall("cgroup/pod/busy/io.pressure", 110*time.Millisecond)
	done := g.rounds(r, settings, 1)
	if want := (Evicted{Groups: 2, Busy: 1, Pages: (1 << 20) / pageSize}); done != want {
		t.Errorf("the third round did %+v, want %+v", done, want)
	}
	if got := g.read("cgroup/pod/idle/memory.reclaim"); got != "1048576 swappiness=0" {
		t.Errorf("the idle container was reclaimed %q, want %q", got, "1048576 swappiness=0")
	}
	for _, other := range []string{"own", "pod", "pod/busy", "."} {
		if got := g.read("cgroup/" + other + "/memory.reclaim"); got != "" {
			t.Errorf("%s was reclaimed %q", other, got)
		}
	}
	// The busy one was aged twice, so one quiet period is enough.
	g.rounds(r, settings, 1)
	if got := g.read("cgroup/pod/busy/memory.reclaim"); got != "1048576 swappiness=0" {
		t.Errorf("the quiet container was reclaimed %q", got)
	}
}

// TestReclaimStopsForPressure: eviction goes by steps and ends when the cgroup has to wait.
func TestReclaimStopsForPressure(t *testing.T) {
	g := newTree(t)
	g.unified()
	g.container("c", 100<<20, 0)
	s := settings
	s.MinAgings = 0
	// A look reads the waits, then the clock. From the third on the cgroup has waited for a second
	// of each.
	looks := 0
	r := NewReclaimer(g.Places, func() time.Time {
		looks++
		g.stall("cgroup/c/memory.pressure", time.Duration(max(0, looks-1))*time.Second)
		g.at = g.at.Add(time.Second)
		return g.at
	})
	done := g.rounds(r, s, 1)
	if want := (Evicted{Groups: 1, Stopped: 1, Pages: 2 * stepPages}); done != want {
		t.Errorf("did %+v, want %+v", done, want)
	}
}

// TestReclaimEndsWithItsContext: a round that is ended does not begin another step.
func TestReclaimEndsWithItsContext(t *testing.T) {
	g := newTree(t)
	g.unified()
	g.container("c", 100<<20, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewReclaimer(g.Places, g.now).Round(ctx, settings); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
}

const lruGen = `memcg     1 /
 node     0
          0       9000          1          2
memcg     7 /own
 node     0
          0       9000          1          2
          3       9000          1          2
memcg     0 /dying
memcg     9 /pod/a name
 node     0
          4      40000        100       3000
          5      30000         -0         50
          6      20000          7          8
          7      10000         10         20
 node     1
          1      10000         10         20
`

// TestReclaimByGenerations: the LRU is turned on, and its list read. The root, the agent and what is
// being removed are left out.
func TestReclaimByGenerations(t *testing.T) {
	g := newTree(t)
	g.write("sys/kernel/mm/lru_gen/enabled", "0x0000\n")
	g.write("sys/kernel/debug/lru_gen", lruGen)
	e, err := openGenerations(g.Places, "/own")
	if err != nil {
		t.Fatal(err)
	}
	if got := g.read("sys/kernel/mm/lru_gen/enabled"); !strings.HasPrefix(got, "y") {
		t.Errorf("enabled is %q, want y", got)
	}
	groups, err := e.groups()
	if want := []group{{"/pod/a name", 9}}; err != nil || !reflect.DeepEqual(groups, want) {
		t.Fatalf("got %v, %v, want %v", groups, err, want)
	}
	nodes := e.listed[groups[0]]
	want := []node{
		{0, []generation{{4, 40 * time.Second, 100, 3000}, {5, 30 * time.Second, 0, 50}, {6, 20 * time.Second, 7, 8}, {7, 10 * time.Second, 10, 20}}},
		{1, []generation{{1, 10 * time.Second, 10, 20}}},
	}
	if !reflect.DeepEqual(nodes, want) {
		t.Fatalf("got %+v, want %+v", nodes, want)
	}
	for depth, cold := range map[uint64]generation{2: {seq: 5, anon: 100, file: 3050}, 3: {seq: 4, anon: 100, file: 3000}} {
		if got := nodes[0].cold(depth); got != cold {
			t.Errorf("older by %d: %+v, want %+v", depth, got, cold)
		}
	}
	if got := nodes[1].cold(minDepth); got.file+got.anon != 0 {
		t.Errorf("the only generation counts as cold: %+v", got)
	}
}

// TestGenerationCommands compares what is written with the kernel's multigen_lru.rst. As in the
// kernel's file, what is written here does not shorten what is there.
func TestGenerationCommands(t *testing.T) {
	for _, tc := range []struct {
		name  string
		swap  bool
		free  string
		evict []string
	}{
		{"files only", false, "0", []string{"- 9 0 4 0 1024", "- 9 0 4 0 1024", "- 9 0 4 0 952"}},
		{"no swap space", true, "0", []string{"- 9 0 4 0 1024", "- 9 0 4 0 1024", "- 9 0 4 0 952"}},
		{"swap", true, "1000", []string{"- 9 0 4 6 1024", "- 9 0 4 6 1024", "- 9 0 4 6 1024", "- 9 0 4 6 28"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newTree(t)
			g.write("proc/meminfo", "SwapFree: "+tc.free+" kB\n")
			g.write("sys/kernel/debug/lru_gen", lruGen)
			s := settings
			s.Swap = tc.swap
			e := &generations{places: g.Places, own: "/own", file: g.path("sys/kernel/debug/lru_gen")}
			if err := e.list(); err != nil {
				t.Fatal(err)
			}
			it := group{"/pod/a name", 9}
			if err := e.age(it, s); err != nil {
				t.Fatal(err)
			}
			swap := flag(tc.swap && tc.free != "0")
			// A file keeps what is longer: the last command stands at its beginning.
			if got, want := g.read("sys/kernel/debug/lru_gen"), fmt.Sprintf("+ 9 1 1 %d 1", swap); !strings.HasPrefix(got, want) {
				t.Errorf("ageing wrote %q, want %q", got[:20], want)
			}
			g.write("sys/kernel/debug/lru_gen", lruGen)
			var got []string
			if _, err := e.evict(it, s, func() (bool, error) {
				line, _, _ := strings.Cut(g.read("sys/kernel/debug/lru_gen"), "\n")
				got = append(got, line)
				g.write("sys/kernel/debug/lru_gen", "")
				return true, nil
			}); err != nil {
				t.Fatal(err)
			}
			if len(got) > 0 { // the first one stands before the rest of the list
				got[0] = got[0][:len(tc.evict[0])]
			}
			if !reflect.DeepEqual(got, tc.evict) {
				t.Errorf("eviction wrote %q, want %q", got, tc.evict)
			}
		})
	}
}

// TestMissing names what a kernel lacks, for the memory agent to go without.
func TestMissing(t *testing.T) {
	g := newTree(t)
	_, err := NewReclaimer(g.Places, g.now).Round(t.Context(), settings)
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "memory.reclaim") {
		t.Errorf("eviction without anything: %v, want %v", err, ErrMissing)
	}
	c := NewCompactor(g.Places, g.now, nil)
	if _, err := c.Round(t.Context(), Compact{}); !errors.Is(err, ErrMissing) {
		t.Errorf("compaction without anything: %v, want %v", err, ErrMissing)
	}
	g.unified()
	g.container("c", 1<<20, 0)
	os.RemoveAll(g.path("proc/pressure"))
	os.Remove(g.path("cgroup/c/memory.pressure"))
	_, err = NewReclaimer(g.Places, g.now).Round(t.Context(), settings)
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "psi=1") {
		t.Errorf("eviction without pressure: %v, want %v", err, ErrMissing)
	}
	g.write("proc/sys/vm/compact_memory", "")
	if _, err := c.Round(t.Context(), Compact{}); !errors.Is(err, ErrMissing) {
		t.Errorf("compaction without pressure: %v, want %v", err, ErrMissing)
	}
}

// TestNoSwapWhereItCannotBeForbidden: memory.reclaim of an older kernel swaps as it likes.
func TestNoSwapWhereItCannotBeForbidden(t *testing.T) {
	g := newTree(t)
	g.unified()
	g.container("c", 1<<20, 0)
	e := &inactive{places: g.Places, own: "/own", plain: true}
	if _, err := e.evict(group{path: "/c"}, settings, func() (bool, error) { return true, nil }); err != nil {
		t.Fatal(err)
	}
	if got := g.read("cgroup/c/memory.reclaim"); got != "1048576" {
		t.Errorf("without swap space %q was written, want the bytes alone", got)
	}
	g.write("proc/meminfo", "SwapTotal: 9 kB\nSwapFree: 9 kB\n")
	if _, err := e.evict(group{path: "/c"}, settings, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("with swap space: %v, want a refusal", err)
	}
}

const pageTypes = `Page block order: 9

Free pages count per migrate type at order       0      1      2
Node    0, zone   Normal, type    Unmovable      5      5      5
Node    0, zone   Normal, type      Movable    %d      2  >3
Node    0, zone   Normal, type  Reclaimable      5      5      5

Number of blocks type     Unmovable      Movable  Reclaimable
Node 0, zone   Normal            1            9            1
`

// compactor is one whose runs are counted.
func (g *tree) compactor(runs *int) *Compactor {
	g.write("proc/sys/vm/compact_memory", "")
	g.write("proc/pagetypeinfo", fmt.Sprintf(pageTypes, 100))
	return NewCompactor(g.Places, g.now, func(context.Context) error { *runs++; return nil })
}

var compacting = Compact{
	Period: 10 * time.Second, Max: time.Hour, PeriodPressure: 1, Pressure: 5,
	Order: 2, Threshold: 100, ForceTimes: math.MaxInt64,
}

// TestCompactWhenWorthWhile walks through the reasons for and against a compaction.
func TestCompactWhenWorthWhile(t *testing.T) {
	g := newTree(t)
	runs := 0
	c := g.compactor(&runs)
	step := func(name string, s Compact, want int) {
		t.Helper()
		g.at = g.at.Add(s.Period)
		if _, err := c.Round(t.Context(), s); err != nil || runs != want {
			t.Errorf("%s: %d compactions, %v, want %d", name, runs, err, want)
		}
	}
	step("the first look", compacting, 0)
	step("104 pages in small blocks", compacting, 1)
	step("nothing new", compacting, 1)
	g.write("proc/pagetypeinfo", fmt.Sprintf(pageTypes, 300))
	g.stall("proc/pressure/io", time.Second)
	step("under pressure", compacting, 1)
	step("200 pages more", compacting, 2)
	g.write("proc/meminfo", "MemFree: 39000 kB\n")
	step("250 free pages fewer", compacting, 3)
	forced := compacting
	forced.ForceTimes = 2
	step("forced", forced, 3)
	step("forced", forced, 3)
	step("forced after two rounds", forced, 4)
	forced.ForceTimes = 0
	step("forced each time", forced, 5)
	forced.ForceTimes = math.MaxUint64
	step("never forced", forced, 5)
}

// TestCompactionEnds: it is ended by the pressure, its time, and whoever asked.
func TestCompactionEnds(t *testing.T) {
	g := newTree(t)
	var moment func()
	c := g.compactor(new(int))
	c.tick = time.Millisecond
	c.run = func(ctx context.Context) error {
		moment()
		<-ctx.Done()
		return ctx.Err()
	}
	s := compacting
	s.ForceTimes = 0
	c.last = sample{at: g.at}
	g.at = g.at.Add(s.Period)
	for want, prepare := range map[error]func(){
		errPressure: func() {
			s.Max = time.Hour
			moment = func() { os.RemoveAll(g.path("proc/pressure")) }
		},
		errTooLong: func() {
			s.Max, c.tick, moment = time.Millisecond, time.Hour, func() {}
			g.stall("proc/pressure/memory", 0)
			g.stall("proc/pressure/io", 0)
		},
	} {
		g.stall("proc/pressure/memory", 0)
		g.stall("proc/pressure/io", 0)
		prepare()
		if got, err := c.Round(t.Context(), s); err != nil || !errors.Is(got.Stopped, want) {
			t.Errorf("got %+v, %v, want an end for %v", got, err, want)
		}
		c.tick = time.Millisecond
	}
	s.Max = time.Hour
	g.stall("proc/pressure/memory", 0)
	g.stall("proc/pressure/io", 0)
	ctx, cancel := context.WithCancel(t.Context())
	moment = cancel
	done := make(chan error, 1)
	go func() { _, err := c.Round(ctx, s); done <- err }()
	if err := guard.Receive(t, "the round's end", done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the caller's end", err)
	}
}

// TestPressureOfASecond: a limit of five in a hundred is kept.
func TestPressureOfASecond(t *testing.T) {
	start := time.Now()
	before := sample{time.Minute, start}
	for after, want := range map[sample]uint64{
		{time.Minute + 50*time.Millisecond, start.Add(time.Second)}: 5,
		{time.Minute + 60*time.Millisecond, start.Add(time.Second)}: 6,
		{time.Minute, start.Add(time.Second)}:                       0,
		{0, start.Add(time.Second)}:                                 0,
		{time.Hour, start}:                                          0,
	} {
		if got := after.percentSince(before); got != want {
			t.Errorf("%+v: %d %%, want %d", after, got, want)
		}
	}
	if got := before.percentSince(sample{}); got != 0 {
		t.Errorf("without an earlier sample: %d %%", got)
	}
}

func ptr[T any](v T) *T { return &v }

// TestApply: what is absent stays, what is impossible is named, and then nothing changes.
func TestApply(t *testing.T) {
	got, err := MemcgChange{PeriodSecs: ptr(uint64(7)), Swap: ptr(true)}.Apply(settings)
	want := settings
	want.Period, want.Swap = 7*time.Second, true
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := (CompactChange{MaxSecs: ptr(int64(math.MaxInt64)), Order: ptr(uint32(31))}).Apply(compacting); err != nil ||
		got.Max < 100*365*24*time.Hour || got.Order != 31 || got.Threshold != compacting.Threshold {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, err := range map[string]error{
		"swappiness_max is 256":           second(MemcgChange{SwappinessMax: ptr(uint32(256))}.Apply(settings)),
		"period_secs is 0":                second(MemcgChange{PeriodSecs: ptr(uint64(0))}.Apply(settings)),
		"eviction_psi_percent_limit is 3": second(MemcgChange{EvictionPressure: ptr(uint32(300))}.Apply(settings)),
		"compact_order is 32":             second(CompactChange{Order: ptr(uint32(32))}.Apply(compacting)),
		"compact_sec_max is -1":           second(CompactChange{MaxSecs: ptr(int64(-1))}.Apply(compacting)),
	} {
		if !errors.Is(err, ErrSetting) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestCompactNow writes into the kernel's file and makes none.
func TestCompactNow(t *testing.T) {
	g := newTree(t)
	if err := CompactNow(g.Proc); err == nil {
		t.Error("without the file there is no error")
	}
	g.write("proc/sys/vm/compact_memory", "")
	if err := CompactNow(g.Proc); err != nil || g.read("proc/sys/vm/compact_memory") != "1" {
		t.Errorf("%v, wrote %q", err, g.read("proc/sys/vm/compact_memory"))
	}
}
