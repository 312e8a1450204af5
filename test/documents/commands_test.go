// SPDX-License-Identifier: Apache-2.0

package documents

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// reason is why a command is not run here. There are no others than these.
type reason string

const (
	// kataHost needs a host with Kata Containers, whose hypervisor has such sockets.
	kataHost reason = "needs a host with Kata"
	// vmSuite needs QEMU, and is what "make test-vm" runs.
	vmSuite reason = "needs QEMU"
	// inCI takes minutes; .ci/run has the same words.
	inCI reason = "takes minutes"
	// measures takes a quiet machine. The packages are built with the command's tags, and what it names
	// has to be there.
	measures reason = "is a measurement"
)

// how a command is run that does not simply end with status 0.
type how struct {
	not    reason
	keys   []key  // on a terminal
	call   string // end it by ^C when the agent has this call
	output string // end it by ^C when it has written this
	status int    // its exit status
	stdin  string
	shows  string // a regular expression for its output
	before string // a command that is given before
}

// special are the commands that are not simply run.
var special = map[string]how{
	"make demo": {not: inCI},
	"make test": {not: inCI},

	"make bench":                      {not: measures},
	"test/bench/load.sh -o /tmp/load": {not: measures},
	"go test -tags seccomp,netgo,osusergo -run - -bench . -benchtime 3x ./test/bench/session":                                                        {not: measures},
	"go test -tags seccomp,netgo,osusergo -run - -bench . -benchtime 3x ./test/bench/spawn":                                                          {not: measures},
	"go test -tags seccomp,netgo,osusergo -run - -bench . ./rpc/frame ./actors/core ./protocols":                                                     {not: measures},
	"KATA_TEST_AGENT=$PWD/bin/kata-agent go test -tags seccomp,netgo,osusergo -run - -bench . ./test/bench/session":                                  {not: measures},
	"go test -tags seccomp,netgo,osusergo -run - -bench OneAtATime -benchtime 3x ./test/bench/session":                                               {not: measures},
	"KATA_TEST_VSOCK=vhost-device-vsock go test -tags seccomp,netgo,osusergo -v -run TestFigures ./test/vm":                                          {not: vmSuite},
	"KATA_TEST_OTHER_AGENT=<static binary> KATA_TEST_VSOCK=vhost-device-vsock go test -tags seccomp,netgo,osusergo -v -run TestOtherAgent ./test/vm": {not: measures},
	"go test ./test/vm/...":                                                                             {not: vmSuite},
	"go test ./test/vm -run TestHotplug -v":                                                             {not: vmSuite},
	"socat -u VSOCK-LISTEN:10240,fork OPEN:pod.trace,creat,append &":                                    {not: kataHost},
	"kata-agent-ctl --server-address vsock://3:1024 call Check":                                         {not: kataHost},
	"kata-agent-ctl --server-address unix:///run/vc/vm/$id/clh.sock --hybrid-vsock call Check":          {not: kataHost},
	"kata-agent-ctl --server-address hvsock:///run/vc/firecracker/$id/root/kata.hvsock:1024 call Check": {not: kataHost},

	// On a terminal, by keys.
	"kata-agent-ctl exec --tty c1 top":                        {keys: []key{{"PID", "q"}}},
	"kata-agent-ctl shell c1":                                 {keys: []key{{"#", "exit 0\r"}}},
	"kata-agent-ctl shell --user 1000 c1 /bin/sh -l":          {keys: []key{{"$", "exit 0\r"}}},
	"kata-agent-ctl run --rm --tty ./bundle -- sh":            {keys: []key{{"#", "exit 0\r"}}},
	"kata-agent-ctl attach --stdin --tty --exec session-1 c1": {keys: []key{{"", "\r"}, {"#", "exit 0\r"}}},
	"kata-agent-ctl top":                                      {keys: []key{{"actors", "q"}}},
	"kata-agent-ctl top --interval 5s":                        {keys: []key{{"actors", "q"}}},
	"kata-agent-ctl connect --interactive":                    {keys: []key{{">", "Check\r"}, {"SERVING", "quit\r"}}},

	// Until ^C.
	"kata-agent-ctl logs --follow c1":                  {call: "ReadStdout"},
	"kata-agent-ctl logs --follow --exec session-1 c1": {call: "ReadStdout"},
	"kata-agent-ctl events":                            {call: "GetOOMEvent"},
	"kata-agent-ctl stats --stream c1":                 {output: "c1"},

	"kata-agent-ctl policy eval policy.rego policy-requests.json": {status: 1}, // not all are allowed

	// What has to be so before.
	"kata-agent-ctl attach c1":                {before: "kata-agent-ctl kill c1", status: 137}, // a shell that is process 1 goes on at ^C
	"kata-agent-ctl resume c1":                {before: "kata-agent-ctl pause c1"},
	"kata-agent-ctl wait c1":                  {before: "kata-agent-ctl kill c1"},
	"kata-agent-ctl wait --exec session-1 c1": {before: "kata-agent-ctl kill --exec session-1 c1", shows: "137"},
}

// TestEveryCommand gives all commands of documents and help texts to a shell, in their order.
func TestEveryCommand(t *testing.T) {
	harness.Root(t)
	r := newReader(t)
	if err := os.Symlink(harness.Build(t), filepath.Join(tools, "kata-agent")); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	blocks := append(documents(t), help(t, tools)...)
	if len(blocks) < 60 {
		t.Fatalf("%d blocks of commands, want those of all documents and help texts", len(blocks))
	}
	ran := 0
	for _, b := range blocks {
		t.Run(b.place, func(t *testing.T) { ran++; r.follow(t, b, used) })
	}
	if ran < len(blocks) {
		return // by -run
	}
	for text := range special {
		if !used[text] {
			t.Errorf("no document has the command %q any more: take it out of the table", text)
		}
	}
}

// follow gives the commands of a block.
func (r *reader) follow(t *testing.T, b block, used map[string]bool) {
	r.t = t
	prepared := false
	for _, l := range b.lines {
		h, ok := special[l.text]
		used[l.text] = used[l.text] || ok
		if !ok && strings.Contains(l.text, "go test ") && strings.Contains(l.text, " -bench ") {
			h.not = measures
		}
		if h.not != "" {
			r.elsewhere(t, l, h.not)
			continue
		}
		if !prepared {
			r.prepare(b)
			prepared = true
		}
		out, err := r.give(l.text, h)
		status := 0
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			status = exit.ExitCode()
		} else if err != nil {
			t.Errorf("%s: %s: %v\n%s", l.place, l.text, err, out)
			continue
		}
		if status != h.status {
			t.Errorf("%s: %s: status %d, want %d:\n%s", l.place, l.text, status, h.status, out)
		}
		if want := shown(l.shown); !want.MatchString(out) {
			t.Errorf("%s: %s: want the output of the document, with any numbers:\n%s\ngot:\n%s", l.place, l.text, strings.Join(l.shown, "\n"), out)
		}
		if h.shows != "" && !regexp.MustCompile(h.shows).MatchString(out) {
			t.Errorf("%s: %s: want %s in its output:\n%s", l.place, l.text, h.shows, out)
		}
	}
	if prepared {
		r.leave()
	}
}

// shown is a pattern for the output that a document shows.
func shown(lines []string) *regexp.Regexp {
	text := regexp.QuoteMeta(strings.Join(lines, "\n"))
	return regexp.MustCompile(strings.ReplaceAll(regexp.MustCompile(`\d+`).ReplaceAllString(text, `\d+`), "…", ".*"))
}

// elsewhere checks the reason why a command is not run here.
func (r *reader) elsewhere(t *testing.T, l line, why reason) {
	if why == inCI {
		if !strings.Contains(string(r.read(filepath.Join(harness.ModuleRoot(), ".ci/run"))), l.text) {
			t.Errorf("%s: %s: .ci/run does not run it", l.place, l.text)
		}
	}
	if why != measures && why != vmSuite || !strings.Contains(l.text, "go test ") {
		return
	}
	_, test, _ := strings.Cut(l.text, "go test ")
	wanted := regexp.MustCompile(`-(?:bench|run) ([A-Z]\w*)`).FindStringSubmatch(test)
	pattern := "."
	if wanted != nil {
		pattern = wanted[1]
	}
	words := slices.DeleteFunc(strings.Fields(test), func(w string) bool { return w == "-v" })
	for _, flag := range []string{"-run", "-bench", "-benchtime"} {
		if i := slices.Index(words, flag); i >= 0 {
			words = slices.Delete(words, i, i+2)
		}
	}
	cmd := exec.CommandContext(guard.ContextFor(t, 5*guard.Hang), "go", append([]string{"test", "-vet=off", "-list", pattern}, words...)...)
	cmd.Dir = harness.ModuleRoot()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), strings.TrimSuffix(pattern, ".")) {
		t.Errorf("%s: %s: %s is not there: %v\n%s", l.place, l.text, pattern, err, out)
	}
}

// give runs one command as it is meant.
func (r *reader) give(text string, h how) (string, error) {
	if h.before != "" {
		_, _ = r.run(h.before) // as far as it goes
	}
	if name, value, ok := strings.Cut(strings.TrimPrefix(text, "export "), "="); ok && strings.HasPrefix(text, "export ") {
		r.env = append(r.env, name+"="+r.replaced(value))
		if name == "KATA_AGENT_SERVER_ADDR" {
			r.address = r.replaced(value)
		}
		return "", nil
	}
	switch {
	case strings.HasSuffix(text, " &"):
		return "", r.background(strings.TrimSuffix(text, " &"))
	case h.keys != nil:
		return r.typed(text, h.keys)
	case h.call != "":
		return r.interrupted(text, func(string) bool {
			view, err := r.run("kata-agent-ctl call GetDiagnosticData log_type=live --raw")
			return err == nil && strings.Contains(view, `"method":"`+h.call+`"`)
		})
	case h.output != "":
		return r.interrupted(text, func(output string) bool { return strings.Contains(output, h.output) })
	}
	cmd := r.command(guard.ContextFor(r.t, 10*guard.Hang), text)
	cmd.Stdin = strings.NewReader(h.stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
