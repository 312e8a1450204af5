// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/bundle"
	"github.com/kata-containers/kata-agent/protocols"
)

// createContainer takes a whole request, or {"id", "image"} as Kata's tool does, or an id alone
// with the specification in the bundle.
func createContainer(v *Values, l Line, doc map[string]json.RawMessage) (requests, error) {
	var short struct{ ID, Image, Bundle string }
	if err := takeOut(doc, "id", &short.ID, "image", &short.Image, "bundle", &short.Bundle); err != nil {
		return nil, fmt.Errorf("CreateContainer: %w", err)
	}
	m := new(protocols.CreateContainerRequest)
	m.ContainerId = short.ID
	if err := v.fill(m, "CreateContainer", l, doc); err != nil {
		return nil, err
	}
	dir := v.BundleDir
	switch {
	case m.OCI != nil:
		return one(m), nil
	case short.Bundle != "":
		dir = short.Bundle
	case short.Image != "":
		if m.ContainerId == "" {
			return nil, fmt.Errorf("CreateContainer: an image needs an id")
		}
		var err error
		if dir, err = v.unpack(short.Image, m.ContainerId); err != nil {
			return nil, fmt.Errorf("CreateContainer: %w", err)
		}
	case dir == "":
		return nil, fmt.Errorf("CreateContainer: no specification: give json://{\"container_id\":...,\"OCI\":{...}}, or --bundle-dir")
	}
	var err error
	if m.OCI, _, err = bundle.Message(dir); err != nil {
		return nil, fmt.Errorf("CreateContainer: %w", err)
	}
	return one(m), nil
}

// execProcess takes the process from the JSON document, else from the word spec=file:///..., else
// from the bundle.
func execProcess(v *Values, l Line, doc map[string]json.RawMessage) (requests, error) {
	m := new(protocols.ExecProcessRequest)
	if err := v.fill(m, "ExecProcess", l, doc); err != nil {
		return nil, err
	}
	if m.Process != nil {
		v.givePath(m.Process)
		return one(m), nil
	}
	process, err := v.process(l)
	if err != nil {
		return nil, fmt.Errorf("ExecProcess: %w", err)
	}
	m.Process = process
	return one(m), nil
}

// defaultPath is what runtimes give a process that has no PATH.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// givePath gives a process that is written by hand a PATH, by which its program is found, if it has none.
func (v *Values) givePath(p *protocols.Process) {
	hasPath := func(variable string) bool { return strings.HasPrefix(variable, "PATH=") }
	if v.Auto && !slices.ContainsFunc(p.Env, hasPath) {
		p.Env = append(p.Env, defaultPath)
	}
}

func (v *Values) process(l Line) (*protocols.Process, error) {
	file := ""
	for _, w := range l.Words {
		if w.Key == "spec" {
			file = strings.TrimPrefix(w.Value, fileScheme)
		}
	}
	load := func() (*protocols.Process, error) {
		spec, err := bundle.LoadFile(file)
		if err != nil {
			return nil, err
		}
		return bundle.Process(spec.Process), nil
	}
	switch {
	case file != "":
		return load()
	case v.BundleDir != "":
		file = v.BundleDir + "/" + bundle.ConfigFile
		return load()
	}
	return nil, fmt.Errorf("no process: give json://{\"process\":{...}}, spec=file:///config.json or --bundle-dir")
}

// takeOut moves members of doc into strings. pairs has the name of a member, then a *string for it, and so on.
func takeOut(doc map[string]json.RawMessage, pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		name, to := pairs[i].(string), pairs[i+1].(*string)
		if doc[name] == nil {
			continue
		}
		if err := json.Unmarshal(doc[name], to); err != nil {
			return fmt.Errorf("%q is not a text: %w", name, err)
		}
		delete(doc, name)
	}
	return nil
}
