// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/sirupsen/logrus"
	"go.uber.org/zap/zapcore"
)

func TestLogrusBridge(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	from := logrus.New()
	BridgeLogrus(from, l.Named("libcontainer"))
	from.Debug("hidden")
	from.WithError(errors.New("boom")).WithField("n", 3).Warn("careful\n")
	from.Error("bad")
	lines := written()
	if len(lines) != 2 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for key, want := range (record{
		"msg": "careful", "level": "WARN", "error": "boom", "n": "3", "subsystem": "libcontainer",
	}) {
		if lines[0][key] != want {
			t.Errorf("%s = %q, want %q", key, lines[0][key], want)
		}
	}
	if lines[1]["level"] != "ERRO" {
		t.Errorf("level = %q", lines[1]["level"])
	}
}

func TestLogrusTakesTheThreshold(t *testing.T) {
	for level, want := range map[zapcore.Level]logrus.Level{
		TraceLevel: logrus.TraceLevel, zapcore.DebugLevel: logrus.DebugLevel, zapcore.InfoLevel: logrus.InfoLevel,
		zapcore.WarnLevel: logrus.WarnLevel, zapcore.ErrorLevel: logrus.ErrorLevel, CriticalLevel: logrus.FatalLevel,
	} {
		l, _ := newTest(t, level)
		from := logrus.New()
		BridgeLogrus(from, l)
		if from.GetLevel() != want {
			t.Errorf("threshold %d becomes %v, want %v", level, from.GetLevel(), want)
		}
	}
}

func TestLogrusPanicIsLoggedOnce(t *testing.T) {
	l, written := newTest(t, zapcore.InfoLevel)
	from := logrus.New()
	BridgeLogrus(from, l)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("logrus did not panic")
			}
		}()
		from.Panic("end")
	}()
	if lines := written(); len(lines) != 1 || lines[0]["level"] != "CRIT" {
		t.Errorf("lines %v", lines)
	}
}

func TestSlogBridge(t *testing.T) {
	l, written := newTest(t, TraceLevel)
	from := slog.New(NewSlogHandler(l.Named("actors"), slog.LevelWarn))
	from.Info("hidden")
	from = from.With("a", 1).WithGroup("g").With("b", true).WithGroup("")
	from.Warn("seen", "c", "x", slog.Group("h", "d", errors.New("boom")), slog.Group("", "e", 2.5), slog.Attr{})
	from.Error("worse")
	lines := written()
	if len(lines) != 2 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for key, want := range (record{
		"msg": "seen", "level": "WARN", "a": "1", "g.b": "true", "g.c": "x", "g.h.d": "boom", "g.e": "2.5", "subsystem": "actors",
	}) {
		if lines[0][key] != want {
			t.Errorf("%s = %q, want %q", key, lines[0][key], want)
		}
	}
	if lines[1]["level"] != "ERRO" || lines[1]["g.c"] != "" {
		t.Errorf("second line %v", lines[1])
	}
}

func TestSlogFollowsTheLogger(t *testing.T) {
	l, _ := newTest(t, zapcore.ErrorLevel)
	h := NewSlogHandler(l, slog.LevelDebug)
	if h.Enabled(t.Context(), slog.LevelWarn) || !h.Enabled(t.Context(), slog.LevelError) {
		t.Error("the handler does not follow the logger's threshold")
	}
	for from, want := range map[slog.Level]zapcore.Level{
		slog.LevelDebug - 4: TraceLevel, slog.LevelDebug: zapcore.DebugLevel, slog.LevelInfo: zapcore.InfoLevel,
		slog.LevelWarn: zapcore.WarnLevel, slog.LevelError + 4: zapcore.ErrorLevel,
	} {
		if got := fromSlog(from); got != want {
			t.Errorf("slog level %v becomes %v, want %v", from, got, want)
		}
	}
}
