// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/guest/policy"
	"github.com/kata-containers/kata-agent/protocols/protojson"
	"github.com/kata-containers/kata-agent/rpc/document"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Request is one request of a trial.
type Request struct {
	Rule string // the name of its message
	policy.Input
}

// line is a request as it is written: a call as "call" and "connect" of kata-agent-ctl take it, or
// the document itself, as the agent in Rust writes it to its decision log.
type line struct {
	Method  string          `json:"method"`
	Kind    string          `json:"kind"`
	Request json.RawMessage `json:"request"`
}

var errLine = errors.New(`want {"method": "ExecProcess", "request": {...}} or {"kind": "ExecProcessRequest", "request": {...}}`)

// Read reads requests, JSON objects one after another or a list of them.
func Read(r io.Reader) (all []Request, err error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var lines []line
	if text = bytes.TrimSpace(text); bytes.HasPrefix(text, []byte("[")) {
		err = json.Unmarshal(text, &lines)
	} else {
		lines, err = objects(text)
	}
	if err != nil {
		return nil, err
	}
	for i, l := range lines {
		request, err := l.read()
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", i+1, err)
		}
		all = append(all, request)
	}
	return all, nil
}

func objects(text []byte) (lines []line, err error) {
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var l line
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return lines, nil
		} else if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
}

func (l line) read() (Request, error) {
	if len(l.Request) == 0 {
		l.Request = json.RawMessage("{}")
	}
	switch {
	case l.Method != "" && l.Kind == "":
		m, err := client.LookUp(l.Method)
		if err != nil {
			return Request{}, err
		}
		message := m.NewRequest()
		if err := protojson.Unmarshal(l.Request, message); err != nil {
			return Request{}, err
		}
		in := document.Input{Request: message}
		return Request{reflect.TypeOf(message).Elem().Name(), in}, in.Check()
	case l.Kind != "" && l.Method == "":
		var v any
		if err := util.UnmarshalJSON(l.Request, &v); err != nil {
			return Request{}, err
		}
		value, err := ast.InterfaceToValue(v)
		return Request{l.Kind, given{value}}, err
	}
	return Request{}, errLine
}

// given is a document that was written down.
type given struct{ value ast.Value }

func (g given) Value(bool) ast.Value { return g.value }

func (g given) IDs() (container, exec string) { return g.text("container_id"), g.text("exec_id") }

func (g given) text(key string) string {
	if o, ok := g.value.(ast.Object); ok {
		if t := o.Get(ast.StringTerm(key)); t != nil {
			s, _ := t.Value.(ast.String)
			return string(s)
		}
	}
	return ""
}

// Run asks a policy about requests, one after another with the state that they leave, and writes one
// line for each. It tells whether all are allowed.
func Run(ctx context.Context, w io.Writer, p *policy.Policy, all []Request) bool {
	var e policy.Engine
	e.Set(p)
	allowed := true
	for _, q := range all {
		d, err := e.Decide(ctx, q.Rule, q)
		switch {
		case err != nil:
			fmt.Fprintf(w, "%s: error: %v\n", q.Rule, err)
		case d.Tolerated:
			fmt.Fprintf(w, "%s: allowed, since AllowRequestsFailingPolicy is%s\n", q.Rule, prints(d))
		case d.Allowed:
			fmt.Fprintf(w, "%s: allowed%s\n", q.Rule, prints(d))
		default:
			fmt.Fprintf(w, "%s: denied%s\n", q.Rule, prints(d))
		}
		allowed = allowed && err == nil && d.Allowed
	}
	return allowed
}

func prints(d policy.Decision) string {
	if len(d.Prints) == 0 {
		return ""
	}
	return "\n  " + strings.Join(d.Prints, "\n  ")
}
