// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
	"go.uber.org/zap/zapcore"
)

const (
	// TraceLevel is below zap's lowest. Log with Logger.Log(TraceLevel, ...).
	TraceLevel = zapcore.DebugLevel - 1
	// CriticalLevel is the least of the levels written as CRIT. A production
	// zap logger does not panic at it.
	CriticalLevel = zapcore.DPanicLevel
)

// ParseLevel returns the threshold for a name of the agent.log option: the
// names that logrus (Go 1.x agent) and slog (Rust agent) know, in any case.
func ParseLevel(name string) (zapcore.Level, error) {
	switch strings.ToLower(name) {
	case "trace":
		return TraceLevel, nil
	case "debug":
		return zapcore.DebugLevel, nil
	case "info":
		return zapcore.InfoLevel, nil
	case "warn", "warning":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	case "critical", "fatal", "panic":
		return CriticalLevel, nil
	}
	return zapcore.InfoLevel, fmt.Errorf("unknown log level %q", name)
}

// LevelName is the name of a level by which ParseLevel knows it.
func LevelName(l zapcore.Level) string {
	switch {
	case l <= TraceLevel:
		return "trace"
	case l >= CriticalLevel:
		return "critical"
	}
	return l.String()
}

// levelName is the four-letter name runtime-rs matches; anything it does not
// know it shows at info.
func levelName(l zapcore.Level) string {
	switch {
	case l <= TraceLevel:
		return "TRCE"
	case l >= CriticalLevel:
		return "CRIT"
	}
	return [...]string{"DEBG", "INFO", "WARN", "ERRO"}[l-zapcore.DebugLevel]
}

// fromLogrus maps fatal and panic to the level that does not end the process:
// logrus itself does that after its hooks ran.
func fromLogrus(l logrus.Level) zapcore.Level {
	switch l {
	case logrus.TraceLevel:
		return TraceLevel
	case logrus.DebugLevel:
		return zapcore.DebugLevel
	case logrus.InfoLevel:
		return zapcore.InfoLevel
	case logrus.WarnLevel:
		return zapcore.WarnLevel
	case logrus.ErrorLevel:
		return zapcore.ErrorLevel
	}
	return CriticalLevel
}
