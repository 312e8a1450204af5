// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/guest/config"
)

const intro = `# Configuration

This file is generated from the option table in ` + "`guest/config`" + `; change the table and run
` + "`go run ./guest/config/gendoc`" + `.

The agent takes its configuration from four places. A later one wins over an earlier one:

1. the defaults below;
2. a TOML file, named by ` + "`--config FILE`" + ` (` + "`--config=FILE`, `-c FILE`" + `) on the agent's own command line or
   else by ` + "`agent.config_file=FILE`" + ` on the kernel command line;
3. the kernel command line. Of two words for one option the later counts. A value may be put in double quotes;
4. the environment. When the agent is init, the kernel hands it words such as ` + "`KATA_AGENT_LOG_LEVEL=debug`" + ` that way.

A value that cannot be used is reported by a warning in the log and has no effect, and so is an unknown
` + "`agent.*`" + ` word or an unknown key in the file. A file that is named but cannot be read or parsed ends the start,
since it may hold the list of allowed requests.

Some options imply another one, unless that is set in the same place or a later one:

- ` + "`agent.debug_console_vport`" + ` turns on ` + "`agent.debug_console`" + `;
- ` + "`agent.devmode`" + ` sets ` + "`agent.log`" + ` to ` + "`debug`" + `;
- ` + "`agent.mem_agent_compact_order`" + ` sets ` + "`agent.mem_agent_compact_threshold`" + ` to 2 << order.

In the file a time is written as whole seconds, as a string such as ` + "`\"1m30s\"`" + `, or as ` + "`{ secs = 90, nanos = 0 }`" + `.
`

const endpoints = `
## Allowed requests

The file may restrict the requests that the agent answers, by the names of the request messages:

` + "```toml" + `
[endpoints]
allowed = ["CreateSandboxRequest", "CreateContainerRequest"]
` + "```" + `

Without the table every request is allowed; any other is refused as blocked. [samples/configuration-all-endpoints.toml](samples/configuration-all-endpoints.toml)
lists all names, to be shortened. A table without a list of strings named ` + "`allowed`" + ` ends the start.
`

func markdown() []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	for _, g := range config.Reference() {
		fmt.Fprintf(&b, "\n## %s\n", g.Title)
		for _, o := range g.Options {
			writeOption(&b, o)
		}
	}
	b.WriteString(endpoints)
	writeIgnored(&b)
	return b.Bytes()
}

func writeOption(b *bytes.Buffer, o config.Option) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n", o.Words[0], o.Doc)
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "- %s: %s\n", name, text)
		}
	}
	words := code(o.Words)
	if o.Bare {
		words += "; the bare word means true"
	}
	row("kernel command line", words)
	row("file", code(o.Keys))
	row("environment", code([]string{o.Env}))
	row("type", o.Type)
	row("values", o.Allowed)
	row("default", code([]string{o.Default}))
}

func code(words []string) string {
	if len(words) == 0 || words[0] == "" {
		return ""
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

func writeIgnored(b *bytes.Buffer) {
	b.WriteString("\n## Words without effect\n\nThese are known and cause no warning.\n\n")
	for _, w := range config.IgnoredWords() {
		fmt.Fprintf(b, "- `%s`: %s\n", w.Word, w.Reason)
	}
}
