// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
)

// Dump renders all values as "key=value" words for the line the agent
// announces itself with. Passwords in URLs are hidden.
func (c *Config) Dump() string {
	var b strings.Builder
	if c.File != "" {
		b.WriteString("config_file=" + quoteIfNeeded(c.File) + " ")
	}
	for _, o := range options(c) {
		b.WriteString(dumpKey(o) + "=" + shown(o) + " ")
	}
	b.WriteString("endpoints=")
	if c.Endpoints.Restricted {
		b.WriteString("[" + strings.Join(c.Endpoints.Allowed, " ") + "]")
	} else {
		b.WriteString("all")
	}
	return b.String()
}

func dumpKey(o option) string {
	if len(o.keys) > 0 {
		return o.keys[0]
	}
	return o.words[0]
}

// shown is the value as log lines may show it.
func shown(o option) string {
	text := o.value.text()
	if o.secret && text != "" {
		text = redactURL(text)
	}
	return quoteIfNeeded(text)
}

func quoteIfNeeded(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\n\"") {
		return strconv.Quote(s)
	}
	return s
}
