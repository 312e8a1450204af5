// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
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
		TraceLevel: logrus.TraceLevel, zapcore.DebugLevel: logrus.WarnLevel, zapcore.InfoLevel: logrus.WarnLevel,
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

// TestLogrusFollowsTheLevel: lines of libcontainer come and go with the level, and what any container may
// warn of is among them at trace only.
func TestLogrusFollowsTheLevel(t *testing.T) {
	var out bytes.Buffer
	q := NewQueue(DefaultLimit, &out)
	defer closeQueue(t, q)
	level := zap.NewAtomicLevelAt(zapcore.DebugLevel)
	from := logrus.New()
	retune := BridgeLogrus(from, New(q, level, 1, nil))
	say := func() {
		from.Debug("nsexec[7]: stage")
		from.Warn("can't raise ambient capability CAP_X")
	}
	say()
	level.SetLevel(TraceLevel)
	retune()
	say()
	level.SetLevel(zapcore.InfoLevel)
	retune()
	say()
	flush(t, q)
	if lines := decode(t, out.Bytes()); len(lines) != 2 || lines[1]["level"] != "TRCE" {
		t.Errorf("lines %v, want the two at trace", lines)
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
