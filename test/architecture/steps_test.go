// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
)

// entered is where a kind of steps is entered, or given to what enters it.
var entered = regexp.MustCompile(`\bcore\.(Step[A-Z]\w*)\b`)

// TestStepsAreEntered: a kind of steps that nobody enters is in the documents and in no live view. All
// that are entered have their failpoints, which are in core.Step.
func TestStepsAreEntered(t *testing.T) {
	used := map[string]bool{}
	files(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || ofTests(name) || !within(name, "actors") && !within(name, "rpc") {
			return
		}
		for _, m := range entered.FindAllStringSubmatch(read(t, name), -1) {
			used[m[1]] = true
		}
	})
	source := read(t, "actors/core/stepkind.go")
	kinds := regexp.MustCompile(`(?m)^\t(Step[A-Z]\w*): +\{Name: "`).FindAllStringSubmatch(source, -1)
	if len(kinds) != len(core.StepKinds())+1 {
		t.Fatalf("%d kinds in the source, want the %d of the list and StepNone", len(kinds), len(core.StepKinds()))
	}
	for _, k := range kinds {
		if name := k[1]; !used[name] && name != "StepNone" && name != "StepQueued" {
			t.Errorf("no step of kind %s is entered", name)
		}
	}
}

// TestReleaseHasNoFailpoints: they are in builds with the tag only.
func TestReleaseHasNoFailpoints(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			if i == module+"/actors/core/failpoint" {
				t.Errorf("%s imports %s without the build tag failpoints", p.path(), i)
			}
		}
	}
}

const (
	stepsDoc   = "docs/operating.md"
	stepsBegin = "<!-- steps: generated, see TestStepsAreDocumented -->\n"
	stepsEnd   = "<!-- end of steps -->\n"
)

// TestStepsAreDocumented compares the list in the document with that of the code; -update writes it.
func TestStepsAreDocumented(t *testing.T) {
	var want strings.Builder
	all := core.StepKinds()
	fmt.Fprintf(&want, "%d kinds:\n\n| step | with | what is done | failpoints |\n|---|---|---|---|\n", len(all))
	for _, k := range all {
		points := "`" + k.Kind.Point() + ".before`, `" + k.Kind.Point() + ".after`"
		if k.Kind == core.StepQueued {
			points = "" // nothing is done
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", k.Name, k.Object, k.Does, points)
	}
	text := read(t, stepsDoc)
	before, rest, ok := strings.Cut(text, stepsBegin)
	got, after, ended := strings.Cut(rest, stepsEnd)
	if !ok || !ended {
		t.Fatalf("%s has no list of steps", stepsDoc)
	}
	if got == "\n"+want.String()+"\n" {
		return
	}
	if !*update {
		t.Fatalf("the list of steps in %s is not that of the code: go test ./test/architecture -run StepsAreDocumented -update", stepsDoc)
	}
	text = before + stepsBegin + "\n" + want.String() + "\n" + stepsEnd + after
	if err := os.WriteFile(filepath.Join(root, stepsDoc), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
