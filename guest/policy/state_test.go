// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// patchOf is the state after a patch of {"pstate": {"a": [1, 2], "b": {"c": 1}}}.
func patchOf(t *testing.T, patch string) (string, error) {
	t.Helper()
	ops, err := operations(ast.MustParseTerm(patch).Value)
	if err != nil {
		return "", err
	}
	before := &state{ast.MustParseTerm(`{"pstate": {"a": [1, 2], "b": {"c": 1}}}`).Value}
	after, err := before.patched(ops)
	if got := compact(before.doc); got != `{"pstate":{"a":[1,2],"b":{"c":1}}}` {
		t.Errorf("%s has changed the state before: %s", patch, got)
	}
	if err != nil {
		return "", err
	}
	return compact(after.doc), nil
}

func TestPatch(t *testing.T) {
	for patch, want := range map[string]string{
		`[]`: `{"pstate":{"a":[1,2],"b":{"c":1}}}`,
		`[{"op": "add", "path": "/pstate/x", "value": {1, 2}}]`:                                 `{"pstate":{"a":[1,2],"b":{"c":1},"x":[1,2]}}`,
		`[{"op": "add", "path": "/pstate/b", "value": 1.0}]`:                                    `{"pstate":{"a":[1,2],"b":1}}`,
		`[{"op": "add", "path": "/pstate/a/-", "value": 3}]`:                                    `{"pstate":{"a":[1,2,3],"b":{"c":1}}}`,
		`[{"op": "add", "path": "/pstate/a/0", "value": 3, "more": 1}]`:                         `{"pstate":{"a":[3,1,2],"b":{"c":1}}}`,
		`[{"op": "add", "path": "/pstate/a/2", "value": 3}]`:                                    `{"pstate":{"a":[1,2,3],"b":{"c":1}}}`,
		`[{"op": "remove", "path": "/pstate/a/0"}]`:                                             `{"pstate":{"a":[2],"b":{"c":1}}}`,
		`[{"op": "remove", "path": "/pstate/b/c"}]`:                                             `{"pstate":{"a":[1,2],"b":{}}}`,
		`[{"op": "replace", "path": "/pstate/b/c", "value": null}]`:                             `{"pstate":{"a":[1,2],"b":{"c":null}}}`,
		`[{"op": "replace", "path": "", "value": {"pstate": 1}}]`:                               `{"pstate":1}`,
		`[{"op": "move", "from": "/pstate/b/c", "path": "/pstate/d"}]`:                          `{"pstate":{"a":[1,2],"b":{},"d":1}}`,
		`[{"op": "copy", "from": "/pstate/b", "path": "/pstate/b/e"}]`:                          `{"pstate":{"a":[1,2],"b":{"c":1,"e":{"c":1}}}}`,
		`[{"op": "test", "path": "/pstate/a", "value": [1, 2.0]}]`:                              `{"pstate":{"a":[1,2],"b":{"c":1}}}`,
		`[{"op": "add", "path": "/pstate/m~0n~1o%2F", "value": 1}]`:                             `{"pstate":{"a":[1,2],"b":{"c":1},"m~n/o%2F":1}}`,
		`[{"op": "add", "path": "/other", "value": 18446744073709551616}]`:                      `{"other":1.8446744073709552e+19,"pstate":{"a":[1,2],"b":{"c":1}}}`,
		`[{"op": "add", "path": "/n", "value": {}}, {"op": "add", "path": "/n/m", "value": 1}]`: `{"n":{"m":1},"pstate":{"a":[1,2],"b":{"c":1}}}`,
	} {
		if got, err := patchOf(t, patch); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", patch, got, err, want)
		}
	}
}

func TestPatchRefused(t *testing.T) {
	for patch, want := range map[string]string{
		`null`: "no list", `{}`: "no list", `[1]`: "operation '/0'", `[{}]`: "operation '/0'",
		`[{"op": "add", "path": "/pstate/x"}]`:                                                     "no value",
		`[{"op": "change", "path": "/pstate"}]`:                                                    `"change"`,
		`[{"op": "add", "path": 1, "value": 1}]`:                                                   "no path",
		`[{"op": "add", "path": "pstate", "value": 1}]`:                                            "path is invalid",
		`[{"op": "add", "path": "/pstate/~2", "value": 1}]`:                                        "path is invalid",
		`[{"op": "add", "path": "/no/x", "value": 1}]`:                                             "operation '/0' failed at path '/no/x': path is invalid",
		`[{"op": "remove", "path": "/pstate/zz"}]`:                                                 "operation '/0' failed at path '/pstate/zz': path is invalid",
		`[{"op": "replace", "path": "/pstate/zz", "value": 1}]`:                                    "path is invalid",
		`[{"op": "add", "path": "/pstate/a/3", "value": 1}]`:                                       "path is invalid",
		`[{"op": "add", "path": "/pstate/a/01", "value": 1}]`:                                      "path is invalid",
		`[{"op": "remove", "path": "/pstate/a/-"}]`:                                                "path is invalid",
		`[{"op": "remove", "path": ""}]`:                                                           "removed",
		`[{"op": "test", "path": "/pstate/a", "value": [1]}]`:                                      "not the same",
		`[{"op": "move", "from": "/pstate/b", "path": "/pstate/b/c"}]`:                             "into itself",
		`[{"op": "move", "path": "/pstate/b"}]`:                                                    "no path",
		`[{"op": "copy", "from": "/no", "path": "/pstate/b"}]`:                                     "path is invalid",
		`[{"op": "add", "path": "/agent_policy", "value": {"X": true}}]`:                           "rules cannot be changed",
		`[{"op": "replace", "path": "", "value": 1}]`:                                              "no object",
		`[{"op": "add", "path": "/pstate/x", "value": 1}, {"op": "remove", "path": "/pstate/zz"}]`: "operation '/1'",
	} {
		if got, err := patchOf(t, patch); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v; want an error with %q", patch, got, err, want)
		}
	}
}

// TestResults has what a rule may say, and what is no decision.
func TestResults(t *testing.T) {
	wantAnswers(t, []difference{
		{`X := true`, `{}`, "true"}, {`X := false`, `{}`, "false"}, {`Y := true`, `{}`, "undefined"},
		{`X := {"allowed": true}`, `{}`, "true"}, {`X := {"allowed": false}`, `{}`, "false"},
		{`X := {"allowed": true, "ops": null, "more": 1}`, `{}`, "true"}, {`X := {"allowed": true, "ops": []}`, `{}`, "true"},
		{`X := {"allowed": 1}`, `{}`, "error"}, {`X := {"ops": []}`, `{}`, "error"}, {`X := {"allowed": true, "ops": 1}`, `{}`, "error"},
		{`X := {"allowed": true, "ops": [{"op": "nothing", "path": "/a"}]}`, `{}`, "error"},
		{`X := {"allowed": true, "ops": [{"op": "remove", "path": "/a"}]}`, `{}`, "error"},
		{`X := {"allowed": false, "ops": [{"op": "remove", "path": "/a"}]}`, `{}`, "false"}, // not applied
		{`X := 1`, `{}`, "error"}, {`X := "true"`, `{}`, "error"}, {`X := null`, `{}`, "error"}, {`X := [true]`, `{}`, "error"},
		{`X contains true`, `{}`, "error"},
	})
}

// TestTolerated: AllowRequestsFailingPolicy lets pass what is denied or undefined, and no errors.
func TestTolerated(t *testing.T) {
	e := engine(t, `AllowRequestsFailingPolicy := true
Denied := false
Allowed := true
Object := {"allowed": false}
Failing if input.n + 1 == 2
Wrong := 1
`)
	if !e.Tolerant() {
		t.Error("not tolerant")
	}
	for rule, want := range map[string]string{
		"Denied": "true true", "Undefined": "true true", "Object": "true true", "Allowed": "true false", "Failing": "error", "Wrong": "error",
	} {
		d, err := decide(e, rule, `{"n": null}`)
		got := fmt.Sprint(d.Allowed, d.Tolerated)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", rule, got, want)
		}
	}
	for _, rules := range []string{"Denied := false", "AllowRequestsFailingPolicy := false", "AllowRequestsFailingPolicy if input.x", "AllowRequestsFailingPolicy := 1"} {
		if engine(t, rules).Tolerant() {
			t.Errorf("%s is tolerant", rules)
		}
	}
	if !engine(t, `AllowRequestsFailingPolicy := {"allowed": true}`).Tolerant() {
		t.Error("an object is not")
	}
}

const counting = `
Count := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/n", "value": object.get(data.pstate, "n", 0) + 1}]}
Once := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/once", "value": true}]} if not data.pstate.once
default Once := false
default Is := false
Is if data.pstate.n == input.n
SetPolicyRequest := true
`

// TestStateIsSerial: patches of evaluations at the same time are as if one had followed the other.
func TestStateIsSerial(t *testing.T) {
	e := engine(t, counting)
	const workers, each = 8, 50
	var wg sync.WaitGroup
	var once sync.Map
	for w := range workers {
		wg.Go(func() {
			for range each {
				if d, err := decide(e, "Count", `{}`); err != nil || !d.Allowed {
					t.Errorf("%+v, %v, want that it is allowed", d, err)
				}
			}
			if d, _ := decide(e, "Once", `{}`); d.Allowed {
				once.Store(w, true)
			}
		})
	}
	wg.Wait()
	if d, err := decide(e, "Is", fmt.Sprintf(`{"n": %d}`, workers*each)); err != nil || !d.Allowed {
		t.Errorf("not every patch counted: %+v, %v", d, err)
	}
	n := 0
	once.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d were the first, want 1", n)
	}
}

// TestSetResetsState: another policy begins with an empty state, and takes over in one step.
func TestSetResetsState(t *testing.T) {
	e := engine(t, counting)
	if _, err := decide(e, "Count", `{}`); err != nil {
		t.Fatal(err)
	}
	p, err := Compile(Package, "package agent_policy\n"+counting)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if _, err := decide(e, "Is", `{"n": 1}`); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		e.Set(p)
	}
	wg.Wait()
	if d, err := decide(e, "Is", `{"n": 1}`); err != nil || d.Allowed {
		t.Errorf("the state is still there: %+v, %v", d, err)
	}
}

func TestNoPolicy(t *testing.T) {
	var e Engine
	if d, err := decide(&e, "X", `{}`); err != nil || !d.Allowed || e.Active() || e.Tolerant() {
		t.Errorf("%+v, %v; want everything allowed", d, err)
	}
}

// counted counts how often a document is asked for.
type counted struct {
	document
	asked *int
}

func (c counted) Value(bytes bool) ast.Value { *c.asked++; return c.document.Value(bytes) }

// TestKnownAnswers: a rule that reads nothing but ids is evaluated once for each of them; any other
// one always.
func TestKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		rules string
		kind  int
		again int // evaluations of three requests for one process, then one for another
	}{
		{`X := true`, readsNothing, 1},
		{`default X := false`, readsNothing, 1},
		{"X if f(1)\nf(x) := true", readsNothing, 1},
		{`X if input.container_id == "c"`, readsIDs, 1},
		{`X if input.exec_id == "e"`, readsIDs, 2},
		{"X if f(input.exec_id)\nf(x) if x == input.container_id", readsIDs, 2},
		{`X if input.data == []`, readsAnything, 4},
		{`X if data.pstate.n`, readsAnything, 4},
		{`X if h` + "\nh if data.pstate.n", readsAnything, 4},
		{`X if input[input.exec_id]`, readsAnything, 4},
		{`X if { y := input; y.exec_id == "e" }`, readsAnything, 4},
		{`X if h with input as {}` + "\nh := true", readsAnything, 4},
	} {
		e := engine(t, c.rules)
		asked := 0
		for _, exec := range []string{"e", "e", "e", "f"} {
			in := counted{document(fmt.Sprintf(`{"container_id": "c", "exec_id": %q, "data": []}`, exec)), &asked}
			d, err := e.Decide(t.Context(), "X", in)
			if k, ok, kerr := e.Known("X", in); ok && (k.Allowed != d.Allowed || (kerr == nil) != (err == nil)) {
				t.Errorf("%s: known is %v, %v, decided %v, %v", c.rules, k.Allowed, kerr, d.Allowed, err)
			}
		}
		if got := e.current.Load().rule("X").reads.kind; got != c.kind || asked != c.again {
			t.Errorf("%s: kind %d, evaluated %d times; want %d, %d", c.rules, got, asked, c.kind, c.again)
		}
	}
}

// TestPatchesAreNotRemembered: a rule that reads nothing and patches the state does so each time.
func TestPatchesAreNotRemembered(t *testing.T) {
	e := engine(t, `X := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/l/-", "value": 1}]}
Make := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/l", "value": []}]}
default Three := false
Three if count(data.pstate.l) == 3`)
	for _, rule := range []string{"Make", "X", "X", "X", "Three"} {
		if d, err := decide(e, rule, `{}`); err != nil || !d.Allowed {
			t.Errorf("%s: %+v, %v, want that it is allowed", rule, d, err)
		}
	}
}

func TestReadsBytes(t *testing.T) {
	for rules, want := range map[string]bool{
		`X if input.container_id == "c"`: false, `X if input.data[0] == 1`: true, `X if count(input) > 0`: true, `X if input[input.k]`: true,
		"f(x) if x == 1\nX if f(input.n)": false, `X if { some v in input; v == 1 }`: true,
	} {
		if got := engine(t, rules).current.Load().bytes; got != want {
			t.Errorf("%s: %v, want %v", rules, got, want)
		}
	}
}

func TestErrText(t *testing.T) {
	_, err := Compile("/etc/kata-opa/default-policy.rego", "package agent_policy\n\nX if { y }\nY if { z }\n")
	if !errors.Is(err, ErrText) || !strings.Contains(err.Error(), "default-policy.rego:3: ") || !strings.Contains(err.Error(), "default-policy.rego:4: ") {
		t.Errorf("%v, want both places", err)
	}
}
