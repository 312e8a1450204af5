// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"slices"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// names knows the containers by their names in the pod, in the order of their creation.
type names []named

type named struct {
	name string
	id   id.Container
}

func (n *names) add(cid id.Container, spec *specs.Spec) {
	if spec == nil {
		return
	}
	if name := container.Name(spec); name != "" {
		*n = append(*n, named{name, cid})
	}
}

func (n *names) drop(cid id.Container) {
	*n = slices.DeleteFunc(*n, func(e named) bool { return e.id == cid })
}

// find gives the latest container of that name, "" if there is none: one that has ended may still be
// there when it has been made anew.
func (n names) find(name string) id.Container {
	for _, e := range slices.Backward(n) {
		if e.name == name {
			return e.id
		}
	}
	return ""
}
