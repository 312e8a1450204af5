// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"slices"
)

// stream is one output of a process: all bytes that may come, and where a reader may stand in them. It
// stands at more than one place when an answer was lost with its connection, or when it is not known
// how much of a write came through.
type stream struct {
	data []byte
	cuts []cut
	at   []int // places, sorted
}

// cut is a part of which any beginning may be there, none of it, or all.
type cut struct{ from, to int }

func newStream(data []byte) *stream { return &stream{data: data, at: []int{0}} }

// append has bytes follow that may be cut short. settle says that they were not.
func (s *stream) append(data []byte) cut {
	c := cut{len(s.data), len(s.data) + len(data)}
	s.data = append(s.data, data...)
	s.cuts = append(s.cuts, c)
	return c
}

func (s *stream) settle(c cut) {
	s.cuts = slices.DeleteFunc(s.cuts, func(o cut) bool { return o == c })
}

// jumps adds the places that follow at once, where a cut begins or goes on.
func (s *stream) jumps(at map[int]bool) {
	for _, c := range s.cuts { // they are in order
		for p := range at {
			if p >= c.from && p < c.to {
				at[c.to] = true
				break
			}
		}
	}
}

// after are the places behind some bytes; none if they cannot be what comes next.
func (s *stream) after(data []byte) map[int]bool {
	if len(s.at) == 1 && len(s.cuts) == 0 { // nearly always
		if p := s.at[0]; bytes.HasPrefix(s.data[p:], data) {
			return map[int]bool{p + len(data): true}
		}
		return nil
	}
	now := s.places()
	for _, b := range data {
		next := map[int]bool{}
		for p := range now {
			if p < len(s.data) && s.data[p] == b {
				next[p+1] = true
			}
		}
		s.jumps(next)
		if now = next; len(now) == 0 {
			break
		}
	}
	return now
}

// can tells whether bytes can be what comes next.
func (s *stream) can(data []byte) bool { return len(s.after(data)) > 0 }

// read moves on by bytes. If it is not certain that they were of this stream, its reader may also
// stand where it stood.
func (s *stream) read(data []byte, uncertain bool) {
	now := s.after(data)
	if now == nil {
		now = map[int]bool{}
	}
	if uncertain || len(now) == 0 {
		for _, p := range s.at {
			now[p] = true
		}
	}
	s.stand(now)
}

func (s *stream) places() map[int]bool {
	all := map[int]bool{}
	for _, p := range s.at {
		all[p] = true
	}
	s.jumps(all)
	return all
}

func (s *stream) stand(at map[int]bool) {
	s.at = s.at[:0]
	for p := range at {
		s.at = append(s.at, p)
	}
	slices.Sort(s.at)
}

// lost notes a read of up to n bytes whose answer nobody has seen.
func (s *stream) lost(n int) {
	all := s.places()
	for _, p := range s.at {
		for q := p; q <= min(p+n, len(s.data)); q++ {
			all[q] = true
		}
	}
	s.stand(all)
}

// atEnd tells whether everything may have been read.
func (s *stream) atEnd() bool { return s.places()[len(s.data)] }
