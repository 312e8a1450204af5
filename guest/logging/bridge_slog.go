// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"context"
	"log/slog"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewSlogHandler returns a handler that writes records at or above level
// through to. The actor framework takes a slog.Logger and says much below
// warning that concerns only itself.
func NewSlogHandler(to *zap.Logger, level slog.Leveler) slog.Handler {
	return slogHandler{to: to, level: level}
}

// slogHandler is immutable. prefix is the open groups, each with a dot.
type slogHandler struct {
	to     *zap.Logger
	level  slog.Leveler
	prefix string
}

func (h slogHandler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= h.level.Level() && h.to.Core().Enabled(fromSlog(l))
}

func (h slogHandler) Handle(_ context.Context, r slog.Record) error {
	checked := h.to.Check(fromSlog(r.Level), r.Message)
	if checked == nil {
		return nil
	}
	if !r.Time.IsZero() {
		checked.Time = r.Time
	}
	fields := make([]zap.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = appendAttr(fields, h.prefix, a)
		return true
	})
	checked.Write(fields...)
	return nil
}

func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var fields []zap.Field
	for _, a := range attrs {
		fields = appendAttr(fields, h.prefix, a)
	}
	h.to = h.to.With(fields...)
	return h
}

func (h slogHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

func appendAttr(fields []zap.Field, prefix string, a slog.Attr) []zap.Field {
	v := a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return fields
	}
	if v.Kind() != slog.KindGroup {
		return append(fields, attrField(prefix+a.Key, v))
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	fields = slices.Grow(fields, len(v.Group()))
	for _, inner := range v.Group() {
		fields = appendAttr(fields, prefix, inner)
	}
	return fields
}

func attrField(key string, v slog.Value) zapcore.Field {
	if v.Kind() == slog.KindAny {
		return zap.Any(key, v.Any())
	}
	return zap.String(key, v.String())
}
