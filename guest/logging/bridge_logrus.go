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
// reads. Its lines do not say which container they are about: below warnings they
// are written at trace only. from takes over to's threshold, and again at each
// call of retune.
func BridgeLogrus(from *logrus.Logger, to *zap.Logger) (retune func()) {
	from.SetOutput(io.Discard)
	from.SetFormatter(noFormat{})
	retune = func() { from.SetLevel(logrusThreshold(to.Core())) }
	retune()
	from.ReplaceHooks(logrus.LevelHooks{})
	from.AddHook(logrusHook{to})
	return retune
}

// logrusThreshold is the most verbose level that to lets pass, as far as its lines
// are of use.
func logrusThreshold(to zapcore.LevelEnabler) logrus.Level {
	if to.Enabled(zapcore.WarnLevel) && !to.Enabled(TraceLevel) {
		return logrus.WarnLevel
	}
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
		level = TraceLevel
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
