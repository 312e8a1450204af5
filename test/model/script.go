// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/protocols/protojson"
)

// script writes what the clients of a run have done as commands of kata-agent-ctl, in the order in which
// it came about: kata-agent-ctl connect -n --ignore-errors --file SCRIPT.
func (r *run) script() string {
	w := scripter{open: map[int]event{}}
	fmt.Fprintf(&w.out, "# %s\n", strings.ReplaceAll(r.finding.text, "\n", "\n# "))
	fmt.Fprintf(&w.out, "# kata-agent-ctl connect -n --ignore-errors --file THIS, with the agent's sandbox made and a busybox in %s\n", r.target.Rootfs)
	for _, e := range r.needed() {
		if e.begins {
			w.begin(e)
		} else {
			w.end(e)
		}
	}
	w.out.WriteString("await\n")
	return w.out.String()
}

// scripter writes one script.
type scripter struct {
	out  strings.Builder
	open map[int]event // calls without an answer so far, by client
}

func (w *scripter) begin(e event) {
	request, err := protojson.Marshal(e.message, "", false)
	if err != nil {
		panic(err)
	}
	line := fmt.Sprintf("%s json://%s", e.step.Method, request)
	if e.step.Deadline > 0 {
		line = fmt.Sprintf("within %v %s", e.step.Deadline, line)
	}
	w.open[e.client] = e
	fmt.Fprintf(&w.out, "on c%d %s\n", e.client, line)
}

// end has what follows come after an answer.
func (w *scripter) end(e event) {
	begun := w.open[e.client]
	delete(w.open, e.client)
	fmt.Fprintf(&w.out, "#   c%d: %s\n", e.client, strings.ReplaceAll(e.text(), "\n", " "))
	if e.answer.gone {
		fmt.Fprintf(&w.out, "sleep %v\nhangup c%d\n", begun.step.Leave, e.client)
		return
	}
	fmt.Fprintf(&w.out, "await c%d\n", e.client)
}

// container is the one that a finding is about.
func (r *run) container() int {
	for _, e := range r.record {
		if e.number == r.finding.call {
			return e.step.Container
		}
	}
	return 0
}
