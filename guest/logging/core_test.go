// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/kata-containers/kata-agent/test/guard"
)

// record is one written line; every value must be a string to decode.
type record map[string]string

// newTest returns a logger at the threshold and a function that returns all it
// wrote so far.
func newTest(t *testing.T, level zapcore.Level) (*zap.Logger, func() []record) {
	t.Helper()
	var out bytes.Buffer
	q := NewQueue(DefaultLimit, &out)
	t.Cleanup(func() { closeQueue(t, q) })
	l := New(q, zap.NewAtomicLevelAt(level), 214, nil)
	return l, func() []record {
		t.Helper()
		flush(t, q)
		return decode(t, out.Bytes())
	}
}

func decode(t *testing.T, lines []byte) []record {
	t.Helper()
	var out []record
	for line := range bytes.Lines(lines) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, r)
	}
	return out
}

func flush(t *testing.T, q *Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	if err := q.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

func closeQueue(t *testing.T, q *Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	if err := q.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestLineHasTheKeysHostsKnow(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	l.Named("rpc").Info("hello", zap.String("container-id", "c1"))
	r := written()[0]
	ts := r["ts"]
	delete(r, "ts")
	want := record{
		"msg": "hello", "level": "INFO", "name": "kata-agent", "source": "agent", "pid": "214",
		"version": "0.1.0", "subsystem": "rpc", "container-id": "c1",
	}
	if fmt.Sprint(r) != fmt.Sprint(want) {
		t.Errorf("line\n got %v\nwant %v", r, want)
	}
	when, err := time.Parse(time.RFC3339Nano, ts)
	// clock: a time of this day is meant, the hour is a day's on any machine
	if err != nil || !strings.HasSuffix(ts, "Z") || time.Since(when).Abs() > time.Hour {
		t.Errorf("ts = %q (%v)", ts, err)
	}
}

func TestLevelNames(t *testing.T) {
	l, written := newTest(t, TraceLevel)
	levels := []zapcore.Level{
		TraceLevel, zapcore.DebugLevel, zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel, CriticalLevel,
	}
	for _, level := range levels {
		l.Log(level, "x")
	}
	want := []string{"TRCE", "DEBG", "INFO", "WARN", "ERRO", "CRIT"}
	for i, r := range written() {
		if r["level"] != want[i] {
			t.Errorf("level %d is written as %q, want %q", levels[i], r["level"], want[i])
		}
	}
}

func TestThreshold(t *testing.T) {
	// How many of the six levels, most severe first, pass each name.
	passes := map[string]int{
		"critical": 1, "fatal": 1, "PANIC": 1, "error": 2, "Warning": 3, "warn": 3, "info": 4, "debug": 5, "trace": 6,
	}
	for name, want := range passes {
		level, err := ParseLevel(name)
		if err != nil {
			t.Fatal(err)
		}
		l, written := newTest(t, level)
		for level := TraceLevel; level <= CriticalLevel; level++ {
			l.Log(level, "x")
		}
		if got := len(written()); got != want {
			t.Errorf("%s lets %d levels pass, want %d", name, got, want)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("ParseLevel accepts an unknown name")
	}
}

func TestValuesAreStrings(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600))
	fields := []zap.Field{
		zap.Int("int", -3), zap.Uint64("uint", 1<<63), zap.Bool("bool", true), zap.Float64("float", 0.5),
		zap.Duration("duration", 1500*time.Millisecond), zap.Time("time", when), zap.Error(io.EOF),
		zap.Strings("strings", []string{"a", "b"}), zap.Any("map", map[string]int{"k": 1}), zap.Any("nil", nil),
		zap.Stringer("stringer", zapcore.WarnLevel), zap.Binary("binary", []byte("secret")),
		zap.ByteString("text", []byte("plain")), zap.Complex64("complex", 1i), zap.Namespace("ns"), zap.Skip(),
	}
	want := record{
		"int": "-3", "uint": "9223372036854775808", "bool": "true", "float": "0.5", "duration": "1.5s",
		"time": "2026-01-02T02:04:05.000000006Z", "error": "EOF", "strings": `["a","b"]`, "map": "map[k:1]",
		"nil": "<nil>", "stringer": "warn", "binary": "<6 bytes>", "text": "plain", "complex": "(0+1i)",
	}
	l.Info("x", fields...)
	r := written()[0]
	for key, value := range want {
		if got, ok := r[key]; !ok || got != value {
			t.Errorf("%s = %q, want %q", key, got, value)
		}
	}
}

func TestNewestFieldWins(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	parent := l.Named("mount").With(zap.String("a", "parent"), zap.String("b", "parent"), zap.String("c", "parent"))
	child := parent.With(zap.String("b", "child"), zap.String("c", "child"))
	child.Info("x", zap.String("c", "record"), zap.String("subsystem", "other"), zap.String("pid", "99"))
	parent.Info("y")
	lines := written()
	for key, want := range (record{
		"a": "parent", "b": "child", "c": "record", "subsystem": "other", "pid": "214", "field.pid": "99",
	}) {
		if lines[0][key] != want {
			t.Errorf("child: %s = %q, want %q", key, lines[0][key], want)
		}
	}
	if lines[1]["b"] != "parent" || lines[1]["subsystem"] != "mount" {
		t.Errorf("the child's fields changed its parent: %v", lines[1])
	}
}

type touchy struct{ text string }

func (t *touchy) Error() string  { return t.text }
func (t *touchy) String() string { return t.text }

func TestValueThatPanics(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	var none *touchy
	l.Info("x", zap.NamedError("error", none), zap.Stringer("stringer", none))
	for _, key := range []string{"error", "stringer"} {
		if got := written()[0][key]; !strings.HasPrefix(got, "<panic: ") {
			t.Errorf("%s = %q", key, got)
		}
	}
}

func TestLongValueIsCut(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	l.Info("x", zap.String("long", strings.Repeat("é", maxValue)))
	got := written()[0]["long"]
	if len(got) > maxValue+100 || !strings.HasSuffix(got, fmt.Sprintf("... (%d bytes)", 2*maxValue)) {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-40:])
	}
}

func TestLevelChangesAtRunTime(t *testing.T) {
	q := NewQueue(DefaultLimit, nil)
	defer closeQueue(t, q)
	level := zap.NewAtomicLevelAt(zapcore.InfoLevel)
	l := New(q, level, 1, nil)
	if l.Core().Enabled(zapcore.DebugLevel) {
		t.Fatal("debug passes at info")
	}
	level.SetLevel(zapcore.DebugLevel)
	if !l.Core().Enabled(zapcore.DebugLevel) {
		t.Error("debug does not pass after the change")
	}
}

func TestAnnounce(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	build := Build{Version: "4.2.0", Commit: "abc", APIVersion: "0.0.1", Features: []string{"seccomp", "policy"}}
	Announce(l, build, "log_level=info", zap.String("system-memory", "2048 kB"))
	for key, want := range (record{
		"msg": "announce", "agent-version": "4.2.0", "agent-commit": "abc", "api-version": "0.0.1",
		"config": "log_level=info", "extra-features": "[seccomp, policy]", "system-memory": "2048 kB",
	}) {
		if got := written()[0][key]; got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}

func FuzzStringIsJSON(f *testing.F) {
	for _, s := range []string{"", "plain", "q\"b\\", "\x00\x1f\n\t\r", "é\u2028\U0001f600", "\xff\xc3", "\xed\xa0\x80", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := appendString(nil, s)
		var back string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q gives %q: %v", s, out, err)
		}
		if len(s) <= maxValue && back != string([]rune(s)) {
			t.Fatalf("%q gives %q", s, back)
		}
	})
}

func BenchmarkInfo(b *testing.B) {
	q := NewQueue(DefaultLimit, io.Discard)
	defer q.Close(context.Background())
	l := New(q, zap.NewAtomicLevel(), 1, nil).Named("rpc").With(zap.String("container", "c1"))
	err := errors.New("x")
	b.ReportAllocs()
	for b.Loop() {
		l.Info("done", zap.String("rpc", "ExecProcess"), zap.Duration("took", time.Millisecond), zap.NamedError("error", err))
	}
}
