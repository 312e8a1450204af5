// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// Name is the name hosts know the agent's lines by.
	Name = "kata-agent"
	// Source tells the agent's lines from the runtime's in a merged log.
	Source = "agent"
	// FormatVersion is the version of the line format, the "version" key.
	FormatVersion = "0.1.0"
	// defaultSubsystem is what a logger without a name writes.
	defaultSubsystem = "root"
	// syncTimeout bounds Sync, which zap calls before it ends the process.
	syncTimeout = time.Second
)

// New returns a logger that appends to q every record at or above level. The
// level can be changed at run time. A logger's name (zap.Logger.Named) or a
// field "subsystem" becomes the subsystem of the line. What goes wrong is in recent, too, unless that is nil.
func New(q *Queue, level zap.AtomicLevel, pid int, recent *Recent) *zap.Logger {
	c := newCore(q, level, pid)
	c.recent = recent
	return zap.New(c)
}

func newCore(q *Queue, level zapcore.LevelEnabler, pid int) *core {
	tail := appendPair(nil, "name", Name)
	tail = appendPair(tail, "source", Source)
	tail = appendPair(tail, "pid", strconv.Itoa(pid))
	tail = appendPair(tail, "version", FormatVersion)
	c := &core{LevelEnabler: level, queue: q, tail: tail}
	q.setReport(c.droppedLine)
	return c
}

// droppedLine tells of n lines that found no reader.
func (c *core) droppedLine(n uint64) []byte {
	e := zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), LoggerName: "logging", Message: "log lines dropped"}
	return c.encode(e, []zapcore.Field{zap.Uint64("count", n)})
}

// core renders records. It is immutable; With makes a copy.
type core struct {
	zapcore.LevelEnabler
	queue  *Queue
	recent *Recent
	tail   []byte // the keys that are the same in every line, rendered
	pairs  []pair // fields of the logger
}

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	child := *c
	child.pairs = newest(appendPairs(slices.Clone(c.pairs), fields))
	return &child
}

func (c *core) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write never fails and never waits: see Queue.Append.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	line := c.encode(e, fields)
	if c.recent != nil && e.Level >= zap.WarnLevel {
		c.recent.add(line)
	}
	c.queue.Append(line)
	return nil
}

// Sync waits until what was logged so far is written, a second at most: a sink
// that nobody reads must not hold up the end of the process.
func (c *core) Sync() error {
	ctx, cancel := context.WithTimeout(context.Background(), syncTimeout)
	defer cancel()
	return c.queue.Flush(ctx)
}

func (c *core) encode(e zapcore.Entry, fields []zapcore.Field) []byte {
	var room [12]pair
	pairs := append(room[:0], pair{"subsystem", subsystem(e.LoggerName)})
	pairs = append(pairs, c.pairs...)
	pairs = appendPairs(pairs, fields)
	if e.Stack != "" {
		pairs = append(pairs, pair{"stack", e.Stack})
	}
	line := make([]byte, 0, 256+len(e.Message))
	line = append(line, `{"msg":`...)
	line = appendString(line, e.Message)
	line = appendPair(line, "level", levelName(e.Level))
	line = append(line, `,"ts":"`...)
	line = e.Time.UTC().AppendFormat(line, time.RFC3339Nano)
	line = append(line, '"')
	line = append(line, c.tail...)
	for _, p := range newest(pairs) {
		if reserved(p.key) {
			p.key = "field." + p.key
		}
		line = appendPair(line, p.key, p.value)
	}
	return append(line, '}', '\n')
}

func subsystem(loggerName string) string {
	if loggerName == "" {
		return defaultSubsystem
	}
	return loggerName
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
