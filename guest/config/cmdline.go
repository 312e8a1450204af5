// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// agentPrefix marks the words that are meant for the agent, so that a word of
// that kind nobody knows is worth a warning.
const agentPrefix = "agent."

// word is one word of the kernel command line.
type word struct {
	key      string
	value    string
	hasValue bool
}

// splitWords splits a kernel command line the way the kernel does: at white
// space outside double quotes. A line with an odd number of quotes is split
// with no regard to them, so that one stray quote does not swallow the words
// after it.
func splitWords(line string) []word {
	line = strings.TrimRight(line, "\x00\n")
	quotes := strings.Count(line, `"`)%2 == 0
	inQuotes := false
	fields := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' && quotes {
			inQuotes = !inQuotes
		}
		return !inQuotes && isSpace(r)
	})
	words := make([]word, 0, len(fields))
	for _, f := range fields {
		if quotes {
			f = unquote(f)
		}
		key, value, has := strings.Cut(f, "=")
		if quotes {
			value = unquote(value)
		}
		words = append(words, word{key, value, has})
	}
	return words
}

// isSpace is ASCII white space: other characters may be part of a value.
func isSpace(r rune) bool {
	return r == ' ' || (r >= '\t' && r <= '\r')
}

// unquote removes the quotes around a whole word or a whole value.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// configFileWord returns the file named by the last agent.config_file word.
func (l *loader) configFileWord(words []word) string {
	name := ""
	for _, w := range words {
		if w.key != wordConfigFile {
			continue
		}
		if w.value == "" {
			l.warn(sourceCmdline, w.key, w.value, errEmpty.Error())
			continue
		}
		name = w.value
	}
	return name
}

func (l *loader) applyWords(words []word) {
	byWord := make(map[string]option, len(l.options))
	for _, o := range l.options {
		for _, name := range o.words {
			byWord[name] = o
		}
	}
	for _, w := range words {
		o, known := byWord[w.key]
		switch {
		case known:
			l.apply(sourceCmdline, w.key, o, wordText(o, w))
		case w.key == wordConfigFile:
		case ignored[w.key] != "":
			l.warnFormer(w)
		case strings.HasPrefix(w.key, agentPrefix):
			l.warn(sourceCmdline, w.key, w.value, "unknown option")
		}
	}
}

// wordText is the text of a word's value. A bare boolean word means true: the
// runtimes render a parameter with an empty value that way.
func wordText(o option, w word) string {
	if isBoolean(o) && (!w.hasValue || (o.flag && w.value == "")) {
		return "true"
	}
	return w.value
}

func isBoolean(o option) bool {
	_, ok := o.value.(boolean)
	return ok
}
