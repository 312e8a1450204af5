// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"io"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// BridgeLogrus makes from, usually logrus.StandardLogger(), write through to.
// libcontainer logs through logrus, and its standard error is no place anyone
// reads. from takes over to's threshold at the time of the call.
func BridgeLogrus(from *logrus.Logger, to *zap.Logger) {
	from.SetOutput(io.Discard)
	from.SetFormatter(noFormat{})
	from.SetLevel(logrusThreshold(to.Core()))
	from.ReplaceHooks(logrus.LevelHooks{})
	from.AddHook(logrusHook{to})
}

// logrusThreshold is the most verbose level that to lets pass.
func logrusThreshold(to zapcore.LevelEnabler) logrus.Level {
	for _, l := range slices.Backward(logrus.AllLevels) {
		if to.Enabled(fromLogrus(l)) {
			return l
		}
	}
	return logrus.PanicLevel
}

// noFormat spares logrus the rendering of what goes to io.Discard.
type noFormat struct{}

func (noFormat) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

type logrusHook struct{ to *zap.Logger }

func (logrusHook) Levels() []logrus.Level { return logrus.AllLevels }

func (h logrusHook) Fire(e *logrus.Entry) error {
	level := fromLogrus(e.Level)
	if expected(e.Message) {
		level = zapcore.DebugLevel
	}
	checked := h.to.Check(level, strings.TrimRight(e.Message, "\n"))
	if checked == nil {
		return nil
	}
	checked.Time = e.Time
	fields := make([]zap.Field, 0, len(e.Data))
	for _, key := range sortedKeys(e.Data) {
		fields = append(fields, zap.Any(key, e.Data[key]))
	}
	checked.Write(fields...)
	return nil
}

// healthy are warnings of libcontainer that every healthy container may have.
var healthy = []string{
	// Hooks that run in the agent are not for the container's child. It gets its own.
	"cannot serialize hook of type configs.FuncHook",
	// The spec asks for an ambient capability that is not inheritable. Programs run as everywhere.
	"can't raise ambient capability",
}

func expected(message string) bool {
	return slices.ContainsFunc(healthy, func(s string) bool { return strings.HasPrefix(message, s) })
}
