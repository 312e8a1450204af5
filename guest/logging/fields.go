// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"go.uber.org/zap/zapcore"
)

// pair is one extra key of a line.
type pair struct{ key, value string }

// reserved keys are those the line format fixes. A field of that name is
// written with a prefix, so that a record cannot pass for another's.
func reserved(key string) bool {
	switch key {
	case "msg", "level", "ts", "name", "source", "pid", "version":
		return true
	}
	return false
}

// appendPairs renders fields as strings, the only type of value that the
// readers of these lines know.
func appendPairs(pairs []pair, fields []zapcore.Field) []pair {
	for _, f := range fields {
		pairs = appendField(pairs, f)
	}
	return pairs
}

func appendField(pairs []pair, f zapcore.Field) []pair {
	if value, ok := scalar(f); ok {
		return append(pairs, pair{f.Key, value})
	}
	if f.Type == zapcore.SkipType || f.Type == zapcore.NamespaceType {
		return pairs
	}
	// The rest (objects, arrays, inlined marshalers) goes through zap's own rendering, which also contains panics.
	enc := zapcore.NewMapObjectEncoder()
	f.AddTo(enc)
	for _, key := range sortedKeys(enc.Fields) {
		pairs = append(pairs, pair{key, anyText(enc.Fields[key])})
	}
	return pairs
}

func scalar(f zapcore.Field) (string, bool) {
	switch f.Type {
	case zapcore.StringType:
		return f.String, true
	case zapcore.Int64Type, zapcore.Int32Type, zapcore.Int16Type, zapcore.Int8Type:
		return strconv.FormatInt(f.Integer, 10), true
	case zapcore.Uint64Type, zapcore.Uint32Type, zapcore.Uint16Type, zapcore.Uint8Type, zapcore.UintptrType:
		return strconv.FormatUint(uint64(f.Integer), 10), true
	case zapcore.BoolType:
		return strconv.FormatBool(f.Integer == 1), true
	case zapcore.DurationType:
		return time.Duration(f.Integer).String(), true
	case zapcore.Float64Type:
		return strconv.FormatFloat(math.Float64frombits(uint64(f.Integer)), 'g', -1, 64), true
	case zapcore.ByteStringType:
		return string(f.Interface.([]byte)), true
	case zapcore.BinaryType:
		// Binary is file content more often than not.
		return Size(len(f.Interface.([]byte))), true
	case zapcore.ErrorType:
		return safely(func() string { return f.Interface.(error).Error() }), true
	case zapcore.StringerType:
		return safely(func() string { return f.Interface.(fmt.Stringer).String() }), true
	}
	return "", false
}

// safely calls a method of a value someone logs, which may be a nil pointer: a
// log line is no reason to end the agent.
func safely(text func() string) (s string) {
	defer func() {
		if v := recover(); v != nil {
			s = fmt.Sprintf("<panic: %v>", v)
		}
	}()
	return text()
}

func anyText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []byte:
		return Size(len(v))
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case map[string]any, []any:
		if text, err := json.Marshal(v); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v)
}

// newest keeps the last pair of each key: the record's own field wins over the
// logger's, and a child logger's over its parent's.
func newest(pairs []pair) []pair {
	kept := pairs[:0]
next:
	for i, p := range pairs {
		for _, later := range pairs[i+1:] {
			if later.key == p.key {
				continue next
			}
		}
		kept = append(kept, p)
	}
	return kept
}
