// SPDX-License-Identifier: Apache-2.0

package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// decodeActors reads one JSON object after another.
func decodeActors(text string) ([]Actor, error) {
	var all []Actor
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var a Actor
		err := d.Decode(&a)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the agent's actors: %w", err)
		}
		all = append(all, a)
	}
}

// A Rate is what happened to something between two views, each second.
type Rate struct{ In, Out float64 }

// SessionRates are the bytes that went into each session and came out of it, by container and exec id.
func SessionRates(before, after *View) map[[2]string]Rate {
	took := after.At.Sub(before.At).Seconds()
	old := map[[2]string]Session{}
	for _, c := range before.Containers {
		for _, s := range c.Sessions {
			old[[2]string{c.ID, s.Exec}] = s
		}
	}
	rates := map[[2]string]Rate{}
	for _, c := range after.Containers {
		for _, s := range c.Sessions {
			key := [2]string{c.ID, s.Exec}
			was, ok := old[key]
			if !ok || took <= 0 || was.Pid != s.Pid {
				continue
			}
			rates[key] = Rate{
				In:  float64(s.Stdin-was.Stdin) / took,
				Out: float64(s.Stdout+s.Stderr-was.Stdout-was.Stderr) / took,
			}
		}
	}
	return rates
}

// A MethodRate is how often a method was answered between two views, and how long it took.
type MethodRate struct {
	Method    string
	PerSecond float64
	P50, P99  float64 // seconds: the upper bound of the bucket
	Pending   int
	Oldest    float64 // seconds
}

// MethodRates are those of the methods that were called between two views or wait now, the most frequent
// first.
func MethodRates(before, after *View) []MethodRate {
	took := after.At.Sub(before.At).Seconds()
	old, all := map[string]Latency{}, map[string]MethodRate{}
	for _, l := range before.Latencies {
		old[l.Method] = l
	}
	for _, l := range after.Latencies {
		calls := difference(old[l.Method].Buckets, l.Buckets)
		n := l.Calls - old[l.Method].Calls
		if n == 0 || took <= 0 {
			continue
		}
		all[l.Method] = MethodRate{
			Method: l.Method, PerSecond: float64(n) / took,
			P50: quantile(after.LatencyBounds, calls, 0.5), P99: quantile(after.LatencyBounds, calls, 0.99),
		}
	}
	for _, c := range after.Calls {
		r := all[c.Method]
		r.Method, r.Pending, r.Oldest = c.Method, c.Calls, c.Oldest
		all[c.Method] = r
	}
	var out []MethodRate
	for _, r := range all {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b MethodRate) int {
		if a.PerSecond != b.PerSecond {
			return -compare(a.PerSecond, b.PerSecond)
		}
		return strings.Compare(a.Method, b.Method)
	})
	return out
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func difference(before, after []uint64) []uint64 {
	out := slices.Clone(after)
	for i := range before {
		if i < len(out) {
			out[i] -= before[i]
		}
	}
	return out
}

// quantile is the upper bound of the bucket in which the q-th part of the calls ends; that of the last
// bucket, which has none, is the one before.
func quantile(bounds []float64, buckets []uint64, q float64) float64 {
	var total, seen uint64
	for _, n := range buckets {
		total += n
	}
	for i, n := range buckets {
		seen += n
		if total > 0 && float64(seen) >= q*float64(total) {
			return bounds[min(i, len(bounds)-1)]
		}
	}
	return 0
}
