// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Script is a file with one line for each thing that a stand-in does in its own way. It is read
// anew each time, so that a test can change it; a file that is not there is a stand-in that works.
//
//	start-after DURATION    it makes its socket that much later
//	start-exit STATUS       it exits at its start
//	say TEXT                it prints the text at its start
//	bind ADDRESS            the REST API is there in place of its usual one
//	answer-after DURATION   it answers each call that much later
//	refuse METHOD TEXT      it answers calls of the method with an error
//	silent METHOD           it answers calls of the method never
//	die METHOD              it exits in a call of the method
//	die-once METHOD         likewise, and removes the script before
type Script string

// line returns the rest of the line that begins with the words, and whether there is one.
func (s Script) line(words string) (rest string, ok bool) {
	data, err := os.ReadFile(string(s))
	if err != nil {
		return "", false
	}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimSpace(text)
		if text == words {
			return "", true
		}
		if rest, ok = strings.CutPrefix(text, words+" "); ok {
			return rest, true
		}
	}
	return "", false
}

// Bind is the address of the REST API, or otherwise.
func (s Script) Bind(otherwise string) string {
	if address, ok := s.line("bind"); ok {
		return address
	}
	return otherwise
}

// wait is for a line with a duration.
func (s Script) wait(ctx context.Context, word string) error {
	text, ok := s.line(word)
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Start does what the script says of the start. exit is true if the stand-in is to exit with status.
func (s Script) Start() (status int, exit bool) {
	if text, ok := s.line("say"); ok {
		fmt.Println(text)
	}
	if text, ok := s.line("start-exit"); ok {
		status, err := strconv.Atoi(text)
		if err != nil {
			status = 99
		}
		return status, true
	}
	if err := s.wait(context.Background(), "start-after"); err != nil {
		return 99, true
	}
	return 0, false
}

// call does what the script says of one call. die ends the stand-in.
func (s Script) call(ctx context.Context, method string, die func()) error {
	if err := s.wait(ctx, "answer-after"); err != nil {
		return err
	}
	if text, ok := s.line("refuse " + method); ok {
		return errors.New(text)
	}
	if _, ok := s.line("die " + method); ok {
		return dead(ctx, die)
	}
	if _, ok := s.line("die-once " + method); ok {
		_ = os.Remove(string(s))
		return dead(ctx, die)
	}
	if _, ok := s.line("silent " + method); ok {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// dead ends the stand-in, which so does not answer.
func dead(ctx context.Context, die func()) error {
	die()
	<-ctx.Done()
	return ctx.Err()
}
