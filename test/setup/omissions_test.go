// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// edit changes a file: what it has once, or, without that, its end. A file that is not there is made.
type edit struct{ file, old, new string }

// omission is what a contributor forgets or leaves in, and what make check says then.
type omission struct {
	name  string
	step  string // of check.sh
	rule  string // the test, where the step is "rules"
	edits []edit
	says  string
}

// forgotten adds a row to the table of options, and nothing else.
var forgotten = []edit{{"guest/config/table.go", "words: []string{\"agent.policy_file\"},",
	"words: []string{\"agent.forgotten\"},\nvalue: str{&c.PolicyFile, \"path\"},\ndoc: \"Forgotten.\",\n},\n{\nwords: []string{\"agent.policy_file\"},"}}

func added(file, text string) []edit { return []edit{{file, "", text}} }

// source is a file of a package that everything builds fast.
func source(name, text string) []edit {
	return added("guest/sys/undo/"+name+".go", "// SPDX-License-Identifier: Apache-2.0\n\npackage undo\n\n"+text)
}

var omissions = []omission{
	{
		"an option that nobody reads", "rules", "TestEveryOptionIsRead",
		[]edit{{"guest/config/config.go", "\tPolicyFile string\n", "\tPolicyFile string\n\tForgotten bool\n"}},
		"nobody reads the option Config.Forgotten",
	},
	{"an option without its document", "rules", "TestGeneratedFilesAreUpToDate", forgotten, "docs/configuration.md differs from the table"},
	{"an option without a test", "rules", "TestEveryOptionIsShown", forgotten, "agent.forgotten: no test shows"},
	{
		"a driver that is not announced", "rules", "TestEveryDriverIsAnnounced",
		[]edit{{"guest/storage/volume/list.go", `{Name: "bind", Announced: true,`, `{Name: "bind",`}},
		"driver bind: announced false",
	},
	{
		"a driver that no document has", "rules", "TestEveryDriverIsAnnounced",
		[]edit{{"guest/storage/volume/list.go", `{Name: "bind", Announced: true,`, "{Name: \"airmail\", Announced: true, Kind: Disk},\n{Name: \"bind\", Announced: true,"}},
		"driver airmail is not in docs/storage.md",
	},
	{
		"a field of an answer that no handler fills", "rules", "TestEveryAnswerIsFilled",
		[]edit{{"rpc/details.go", "SupportsSeccomp: SeccompBuilt,", ""}},
		"no handler fills AgentDetails.SupportsSeccomp",
	},
	{
		"a step that nobody enters, so without failpoint", "rules", "TestStepsAreEntered",
		[]edit{
			{"actors/core/stepkind.go", "\tstepCount //", "\tStepForgotten\n\tstepCount //"},
			{"actors/core/stepkind.go", "\tStepQueued:  ", "\tStepForgotten: {Name: \"forgotten\"},\n\tStepQueued:  "},
		},
		"no step of kind StepForgotten is entered",
	},
	{
		"a stale list of steps", "rules", "TestStepsAreDocumented",
		[]edit{{"docs/operating.md", "a kernel module is loaded", "a module is loaded"}},
		"the list of steps in docs/operating.md is not that of the code",
	},
	{
		"a stale sample file", "rules", "TestGeneratedFilesAreUpToDate",
		added("docs/samples/configuration.toml", "# stale\n"),
		"docs/samples/configuration.toml differs from the table",
	},
	{
		"a stale list of dependencies", "rules", "TestDependencies",
		[]edit{{"docs/dependencies.txt", "github.com/BurntSushi/toml\n", ""}},
		"github.com/BurntSushi/toml is linked and not in docs/dependencies.txt",
	},
	{
		"stale protocol code", "rules", "TestGeneratedCodeIsCurrent",
		added("protocols/health.pb.go", "// stale\n"),
		"health.pb.go is out of date: run protocols/generate.sh",
	},
	{
		"a stale table of the protocol", "rules", "TestProtoFilesMatchTables",
		[]edit{{"protocols/agent.proto", "bool support_mem_hotplug_probe = 3;", "bool support_mem_hotplug_probe = 7;"}},
		"GuestDetailsResponse",
	},
	{
		"a stale picture", "rules", "TestExample",
		[]edit{{"docs/images/trace.svg", "</svg>", "<g/></svg>"}},
		"docs/images/trace.svg is not what is drawn",
	},
	{
		"a command that the manual does not show", "rules", "TestManualNamesEveryCommand",
		[]edit{{"cmd/kata-agent-ctl/root.go", `"generate-cid"`, `"forgotten"`}},
		"docs/ctl.md does not show kata-agent-ctl forgotten",
	},
	{"a file that is not formatted", "format", "", source("crooked", "var  crooked int\n"), "guest/sys/undo/crooked.go"},
	{"what vet finds", "vet", "", source("vetted", "import \"fmt\"\n\nfunc vetted() { fmt.Printf(\"%d\", \"x\") }\n"), "vetted.go:7"},
	{
		"what the linters find", "lint", "",
		source("linted", "import \"os\"\n\n// Linted passes an error over.\nfunc Linted() { os.Chdir(\"/\") }\n"),
		"Error return value of `os.Chdir` is not checked",
	},
	{"a function without a caller", "deadcode", "", source("dead", "// Dead is called by nobody.\nfunc Dead() {}\n"), "guest/sys/undo/dead.go Dead"},
}

// needs are programs that a step or a rule cannot do without, and which make check skips then.
func (o omission) needs(t *testing.T) {
	t.Helper()
	tools := filepath.Join(root(t), "out/tools")
	var program string
	switch {
	case o.step == "lint":
		program = filepath.Join(tools, "golangci-lint-"+variable(t, "GOLANGCI_VERSION"))
	case o.step == "deadcode":
		program = filepath.Join(tools, "deadcode-"+variable(t, "DEADCODE_VERSION"))
	case o.rule == "TestGeneratedCodeIsCurrent":
		program = "protoc"
	default:
		return
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not there: make setup and make check get it", filepath.Base(program))
	}
}

// TestCheckFindsOmissions has make check find each of them, in a copy of the tree, by the step and the
// rule that are named with it, and has it find nothing in the copy as it is.
func TestCheckFindsOmissions(t *testing.T) {
	dir := scratch(t)
	for _, o := range omissions {
		t.Run(o.name, func(t *testing.T) {
			o.needs(t)
			defer o.plant(t, dir)()
			out, err := o.check(t, dir)
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !strings.Contains(out, o.says) {
				t.Errorf("make check: %v, want a failure that says %q; it said\n%s", err, o.says, out)
			}
		})
	}
	for _, rule := range []string{"TestEveryOptionIsRead", "TestEveryOptionIsShown"} {
		if out, err := (omission{step: "rules", rule: rule}).check(t, dir); err != nil {
			t.Errorf("without an omission: %v, want success; it said\n%s", err, out)
		}
	}
}

// plant changes the copy, and returns what takes the change back.
func (o omission) plant(t *testing.T, dir string) (undo func()) {
	t.Helper()
	var undos []func() error
	for _, e := range o.edits {
		name := filepath.Join(dir, e.file)
		before, err := os.ReadFile(name)
		undos = append(undos, func() error {
			if err != nil {
				return os.Remove(name)
			}
			return os.WriteFile(name, before, 0o644)
		})
		text := string(before) + e.new
		if e.old != "" {
			if n := strings.Count(string(before), e.old); n != 1 {
				t.Fatalf("%s has %q %d times, want once", e.file, e.old, n)
			}
			text = strings.Replace(string(before), e.old, e.new, 1)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for i := len(undos) - 1; i >= 0; i-- {
			if err := undos[i](); err != nil {
				t.Error(err)
			}
		}
	}
}

// check runs the step as make check does. Paths are left out of what is compiled, so that every copy
// has what the one before has compiled.
func (o omission) check(t *testing.T, dir string) (string, error) {
	t.Helper()
	cmd := script(t, dir, "check.sh", o.step)
	cmd.Env = append(cmd.Env, "GOFLAGS=-trimpath -buildvcs=false", "RULE="+o.rule, "PACKAGES=./guest/sys/undo",
		"TOOLS="+filepath.Join(root(t), "out/tools"), "SKIPPED="+filepath.Join(dir, "out/check.skipped"))
	for _, name := range []string{"GOLANGCI_VERSION", "DEADCODE_VERSION", "VULNCHECK_VERSION"} {
		cmd.Env = append(cmd.Env, name+"="+variable(t, name))
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
