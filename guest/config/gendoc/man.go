// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/guest/config"
)

const (
	manHead = `.\" SPDX-License-Identifier: Apache-2.0
.\" Generated from the option table in guest/config.
.TH KATA-AGENT 8 "" "Kata Containers" "Kata Containers"
.SH NAME
kata-agent \- run the containers of a pod inside its virtual machine
.SH SYNOPSIS
.B kata-agent
[\fB\-c\fR|\fB\-\-config\fR \fIfile\fR] [\fB\-v\fR|\fB\-\-version\fR] [\fB\-h\fR|\fB\-\-help\fR]
.SH DESCRIPTION
The agent of Kata Containers runs inside the virtual machine of a pod, as its init or as a service, and does there what the host's runtime
asks for over ttRPC. As the first process of a machine it mounts what it needs and powers the machine off when it ends.
.SH OPTIONS
.TP
\fB\-c\fR, \fB\-\-config\fR \fIfile\fR
Read the configuration from a TOML file as well.
.TP
\fB\-v\fR, \fB\-\-version\fR
Print the version and exit.
.TP
\fB\-h\fR, \fB\-\-help\fR
Print a short help text and exit.
.SH CONFIGURATION
Options come from the file, the kernel command line and the environment; of one that is set in several of them the last named counts.
A value that cannot be used is a warning in the log. A bare word on the kernel command line means true.
`
	manTail = `.SH SIGNALS
.TP
.B SIGUSR1
Write what is under way, and the stacks of all goroutines, to standard error.
.TP
.B SIGUSR2
Change between the level of the log that is configured and debug.
.TP
.B SIGTERM
End, as a service that is stopped.
.SH EXIT STATUS
0 after DestroySandbox or SIGTERM, 1 if the agent could not start or had to end, 2 after a wrong command line.
.SH FILES
.TP
.I /etc/kata\-opa/default\-policy.rego
The policy of the image, in builds that have the policy engine.
.TP
.I /run/kata\-containers
Containers, shared files and sockets.
.SH SEE ALSO
.BR kata\-agent\-ctl (1)
`
)

// manual is the page kata-agent.8.
func manual() []byte {
	var b bytes.Buffer
	b.WriteString(manHead)
	for _, g := range config.Reference() {
		fmt.Fprintf(&b, ".SS %s\n", roff(g.Title))
		for _, o := range g.Options {
			manOption(&b, o)
		}
	}
	b.WriteString(manTail)
	return b.Bytes()
}

func manOption(b *bytes.Buffer, o config.Option) {
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR\n%s\n", roff(strings.Join(o.Words, ", ")), roff(o.Doc))
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, ".br\n%s: %s\n", name, roff(text))
		}
	}
	row("In the file", strings.Join(o.Keys, ", "))
	row("In the environment", o.Env)
	row("Type", o.Type)
	row("Values", o.Allowed)
	row("Default", o.Default)
}

// roff is a text whose characters mean nothing to roff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", "").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
