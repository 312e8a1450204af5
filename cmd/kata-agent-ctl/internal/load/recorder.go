// SPDX-License-Identifier: Apache-2.0

package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// longest is the longest time a histogram tells from a longer one, in microseconds.
	longest = 10 * 60 * 1e6
	// digits of a time that a histogram keeps.
	digits = 3
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, digits) }

// A recorder counts one kind of thing and how long each took.
type recorder struct {
	mu       sync.Mutex
	all      *hdrhistogram.Histogram
	interval *hdrhistogram.Histogram // since the last point
	points   []Point
	errors   int64
	bytes    int64
	first    time.Time // start of the first
	last     time.Time // end of the last
}

// A Point is what happened in one interval of a run.
type Point struct {
	T     float64 `json:"t"` // seconds since the start of the loads, at the interval's end
	Count int64   `json:"count"`
	P50   float64 `json:"p50"` // milliseconds, as the next two
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func newRecorder() *recorder {
	return &recorder{all: newHistogram(), interval: newHistogram()}
}

// record notes an operation that began at start and is over now.
func (r *recorder) record(start time.Time, bytes int64, err error) {
	now := time.Now()
	r.observe(now, now.Sub(start), bytes, err)
}

func (r *recorder) observe(now time.Time, took time.Duration, bytes int64, err error) {
	us := min(max(took.Microseconds(), 1), longest)
	r.mu.Lock()
	defer r.mu.Unlock()
	if start := now.Add(-took); r.first.IsZero() || start.Before(r.first) {
		r.first = start
	}
	r.last = now
	r.bytes += bytes
	if err != nil {
		r.errors++
		return
	}
	_ = r.all.RecordValue(us) // within its range
	_ = r.interval.RecordValue(us)
}

// point ends an interval at t seconds.
func (r *recorder) point(t float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, Point{
		T: t, Count: r.interval.TotalCount(), P50: ms(r.interval.ValueAtQuantile(50)),
		P99: ms(r.interval.ValueAtQuantile(99)), Max: ms(r.interval.Max()),
	})
	r.interval.Reset()
}

// ms are milliseconds of microseconds.
func ms(us int64) float64 { return float64(us) / 1000 }

// percentiles that are reported; the curve of a report has more.
var percentiles = []float64{50, 90, 95, 99, 99.9}

// Latency are times in milliseconds.
type Latency struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

func latency(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{} // a mean of nothing is no number
	}
	p := h.ValueAtPercentiles(percentiles)
	return Latency{
		Min: ms(h.Min()), Mean: h.Mean() / 1000, P50: ms(p[50]), P90: ms(p[90]), P95: ms(p[95]),
		P99: ms(p[99]), P999: ms(p[99.9]), Max: ms(h.Max()),
	}
}

// curve is the distribution for a plot: times at percentiles that come closer to 100 step by step.
func curve(h *hdrhistogram.Histogram) [][2]float64 {
	if h.TotalCount() == 0 {
		return nil
	}
	var out [][2]float64
	for _, q := range []float64{
		0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97.5, 98, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 100,
	} {
		out = append(out, [2]float64{q, ms(h.ValueAtQuantile(q))})
		// Beyond the resolution of the count every further point is the maximum.
		if float64(h.TotalCount())*(100-q) < 100 {
			break
		}
	}
	return out
}
