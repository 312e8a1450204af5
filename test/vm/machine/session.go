// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// session takes the place of a test, for which the lab is made: what fails ends it, and what has been
// made goes away with it.
type session struct {
	testing.TB // nil: what is not below is not called
	ctx        context.Context
	cleanups   []func()
	failed     bool
}

// failure is what Fatal ends a session with; it has been told.
type failure struct{}

func (s *session) Helper()                        {}
func (s *session) Name() string                   { return "machine" }
func (s *session) Context() context.Context       { return s.ctx }
func (s *session) Failed() bool                   { return s.failed }
func (s *session) Cleanup(f func())               { s.cleanups = append(s.cleanups, f) }
func (s *session) Log(args ...any)                { fmt.Fprintln(os.Stderr, args...) }
func (s *session) Logf(format string, a ...any)   { s.Log(fmt.Sprintf(format, a...)) }
func (s *session) Error(args ...any)              { s.failed = true; s.Log(args...) }
func (s *session) Errorf(format string, a ...any) { s.Error(fmt.Sprintf(format, a...)) }
func (s *session) Fatal(args ...any)              { s.Error(args...); panic(failure{}) }
func (s *session) Fatalf(format string, a ...any) { s.Fatal(fmt.Sprintf(format, a...)) }
func (s *session) Skip(args ...any)               { s.Fatal(args...) }

// run does work and takes away what it has made, and tells whether all went well.
func (s *session) run(work func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, told := r.(failure); !told {
				panic(r)
			}
		}
		ok = !s.failed
	}()
	defer func() {
		for i := len(s.cleanups) - 1; i >= 0; i-- {
			s.cleanups[i]()
		}
	}()
	work()
	return true
}
