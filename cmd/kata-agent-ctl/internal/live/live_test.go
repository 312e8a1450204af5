// SPDX-License-Identifier: Apache-2.0

package live

import (
	"reflect"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	session := func(pid int, in, out, errs uint64) Session {
		return Session{Exec: "e", Pid: pid, Stdin: in, Stdout: out, Stderr: errs}
	}
	view := func(at int64, s Session) *View {
		return &View{At: time.Unix(at, 0), Containers: []Container{{ID: "c", Sessions: []Session{s}}}}
	}
	for name, c := range map[string]struct {
		before, after *View
		want          map[[2]string]Rate
	}{
		"bytes":           {view(0, session(1, 10, 20, 30)), view(2, session(1, 30, 120, 50)), map[[2]string]Rate{{"c", "e"}: {10, 60}}},
		"another process": {view(0, session(1, 10, 20, 30)), view(2, session(2, 1, 1, 1)), map[[2]string]Rate{}},
		"no time between": {view(1, session(1, 1, 2, 3)), view(1, session(1, 4, 5, 6)), map[[2]string]Rate{}},
	} {
		if got := SessionRates(c.before, c.after); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMethodRates(t *testing.T) {
	bounds := []float64{0.001, 0.01}
	before := &View{At: time.Unix(0, 0), LatencyBounds: bounds, Latencies: []Latency{{Method: "Check", Calls: 5, Buckets: []uint64{5, 0, 0}}}}
	after := &View{
		At: time.Unix(2, 0), LatencyBounds: bounds,
		Latencies: []Latency{
			{Method: "Check", Calls: 105, Buckets: []uint64{95, 8, 2}},
			{Method: "ExecProcess", Calls: 200, Buckets: []uint64{0, 200, 0}},
		},
		Calls: []Calls{{Method: "WaitProcess", Calls: 3, Oldest: 9}},
	}
	want := []MethodRate{
		{Method: "ExecProcess", PerSecond: 100, P50: 0.01, P99: 0.01},
		{Method: "Check", PerSecond: 50, P50: 0.001, P99: 0.01},
		{Method: "WaitProcess", Pending: 3, Oldest: 9},
	}
	if got := MethodRates(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func TestStalled(t *testing.T) {
	some, none := 10, 0
	for _, c := range []struct {
		s    Session
		want bool
	}{
		{Session{Unread: &some, Quiet: 5}, true},
		{Session{Unread: &some, Quiet: 0.5}, false},
		{Session{Unread: &some, Quiet: 5, Reads: 1}, false},
		{Session{Unread: &none, Quiet: 5}, false},
		{Session{Quiet: 5}, false},
	} {
		if got := c.s.Stalled(); got != c.want {
			t.Errorf("%+v: stalled is %v, want %v", c.s, got, c.want)
		}
	}
}

func TestActorsAreRead(t *testing.T) {
	got, err := decodeActors("{\"path\":\"a\",\"handled\":3}\n{\"path\":\"b\"}\n")
	if err != nil || len(got) != 2 || got[0].Handled != 3 || got[1].Path != "b" {
		t.Errorf("%+v, %v, want two actors", got, err)
	}
	if _, err := decodeActors("{"); err == nil {
		t.Error("half an object is taken, want an error")
	}
}
