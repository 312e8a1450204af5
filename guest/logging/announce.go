// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"strings"

	"go.uber.org/zap"
)

// Build says which agent this is.
type Build struct {
	Version    string
	Commit     string
	APIVersion string
	Features   []string
}

// Announce writes the first line of an agent's life. Hosts do not parse it,
// people look for "agent-version" in it. config is the configuration as text,
// without passwords; extra are facts of the caller, such as the handlers there
// are.
func Announce(l *zap.Logger, b Build, config string, extra ...zap.Field) {
	fields := []zap.Field{
		zap.String("agent-commit", b.Commit),
		zap.String("agent-version", b.Version),
		zap.String("api-version", b.APIVersion),
		zap.String("config", config),
		zap.String("extra-features", "["+strings.Join(b.Features, ", ")+"]"),
	}
	l.Info("announce", append(fields, extra...)...)
}
