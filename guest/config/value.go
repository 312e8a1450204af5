// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// value is one field of a Config seen as text. Every source hands its value
// over as text, so a grammar exists once.
type value interface {
	// set parses text and stores it; on error the field is unchanged.
	set(text string) error
	// text renders the field so that set would accept it.
	text() string
	// toml renders the field as a TOML value.
	toml() string
	// kind names the type for the documentation.
	kind() string
	// allowed describes the accepted values for the documentation.
	allowed() string
}

var (
	errEmpty    = errors.New("value is missing")
	errNumber   = errors.New("not a whole number in range")
	errBool     = errors.New("not a boolean")
	errDuration = errors.New("not a number of seconds or a duration")
	errPositive = errors.New("must be more than zero")
)

// boolean accepts what strconv.ParseBool (Go 1.x agent) and the Rust agent
// (unsigned integers, non-zero is true) accept, plus words that mean true.
type boolean struct {
	p     *bool
	extra []string
}

func (b boolean) set(text string) error {
	for _, e := range b.extra {
		if text == e {
			*b.p = true
			return nil
		}
	}
	if v, err := strconv.ParseBool(text); err == nil {
		*b.p = v
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return errBool
	}
	*b.p = n != 0
	return nil
}

func (b boolean) text() string { return strconv.FormatBool(*b.p) }
func (b boolean) toml() string { return b.text() }
func (boolean) kind() string   { return "boolean" }
func (b boolean) allowed() string {
	return joinCode(append([]string{"true", "false", "1", "0"}, b.extra...))
}

// number is an unsigned field limited to min..max.
type number[T ~uint8 | ~uint32 | ~uint64 | ~int] struct {
	p        *T
	min, max uint64
	unit     string
}

func (n number[T]) set(text string) error {
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil || v < n.min || v > n.max {
		return fmt.Errorf("%w %d to %d", errNumber, n.min, n.max)
	}
	*n.p = T(v)
	return nil
}

func (n number[T]) text() string    { return strconv.FormatUint(uint64(*n.p), 10) }
func (n number[T]) toml() string    { return n.text() }
func (n number[T]) kind() string    { return n.unit }
func (n number[T]) allowed() string { return fmt.Sprintf("%d to %d", n.min, n.max) }

// port is a vsock port; 0 stands for "off". VMADDR_PORT_ANY (the highest
// number) is no port a host could dial.
func port(p *uint32) value {
	return number[uint32]{p: p, max: math.MaxUint32 - 1, unit: "port"}
}

// duration accepts whole seconds (Rust agent) and Go durations (Go 1.x agent).
type duration struct{ p *time.Duration }

func (d duration) set(text string) error {
	v, err := parseDuration(text)
	if err != nil {
		return err
	}
	if v <= 0 {
		return errPositive
	}
	*d.p = v
	return nil
}

func parseDuration(text string) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > math.MaxInt64/int64(time.Second) || n < math.MinInt64/int64(time.Second) {
			return 0, errDuration
		}
		return time.Duration(n) * time.Second, nil
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return 0, errDuration
	}
	return v, nil
}

func (d duration) text() string {
	if *d.p%time.Second == 0 {
		return strconv.FormatInt(int64(*d.p/time.Second), 10)
	}
	return d.p.String()
}

func (d duration) toml() string {
	if *d.p%time.Second == 0 {
		return d.text()
	}
	return strconv.Quote(d.text())
}
func (duration) kind() string { return "seconds" }
func (duration) allowed() string {
	return "whole seconds (`10`) or a duration (`10s`, `1m30s`), more than 0"
}

// str is free text; empty is refused, it is what a forgotten value looks like.
type str struct {
	p    *string
	what string
}

func (s str) set(text string) error {
	if text == "" {
		return errEmpty
	}
	*s.p = text
	return nil
}

func (s str) text() string  { return *s.p }
func (s str) toml() string  { return quoteTOML(*s.p) }
func (s str) kind() string  { return s.what }
func (str) allowed() string { return "not empty" }

func joinCode(words []string) string {
	return "`" + strings.Join(words, "`, `") + "`"
}

// quoteTOML renders a basic string. TOML knows no \x escape, so control
// characters are written as \u.
func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
