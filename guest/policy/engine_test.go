// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// document is an input written as JSON.
type document string

func (d document) Value(bool) ast.Value { return ast.MustParseTerm(string(d)).Value }

func (d document) IDs() (container, exec string) {
	v := d.Value(true)
	c, _ := child(v, "container_id").(ast.String)
	e, _ := child(v, "exec_id").(ast.String)
	return string(c), string(e)
}

// engine has a policy of some rules in force.
func engine(t testing.TB, rules string) *Engine {
	t.Helper()
	p, err := Compile(Package, "package agent_policy\n\n"+rules)
	if err != nil {
		t.Fatalf("%v in\n%s", err, rules)
	}
	e := &Engine{}
	e.Set(p)
	return e
}

// decide is Decide without a limit of time.
func decide(e *Engine, rule, input string) (Decision, error) {
	return e.Decide(context.Background(), rule, document(input))
}

func TestDecide(t *testing.T) {
	e := engine(t, `
default CreateContainerRequest := false
CreateContainerRequest if { print("id", input.container_id); input.container_id == "good" }
ExecProcessRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/n", "value": 1}]}
StatsContainerRequest if data.pstate.n == 1
`)
	for _, c := range []struct {
		rule, input string
		allowed     bool
		err         bool
	}{
		{"CreateContainerRequest", `{"container_id": "good"}`, true, false},
		{"CreateContainerRequest", `{"container_id": "bad"}`, false, false},
		{"StatsContainerRequest", `{}`, false, true},
		{"ExecProcessRequest", `{}`, true, false},
		{"StatsContainerRequest", `{}`, true, false},
		{"Nope", `{}`, false, true},
	} {
		d, err := decide(e, c.rule, c.input)
		t.Log(d, err)
		if d.Allowed != c.allowed || (err != nil) != c.err {
			t.Errorf("%s %s: %+v %v", c.rule, c.input, d, err)
		}
	}
}
