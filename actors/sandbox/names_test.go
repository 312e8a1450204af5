// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"testing"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/guest/container/sharedmount"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestSourceOfASharedMount is the latest container of its name that is there.
func TestSourceOfASharedMount(t *testing.T) {
	st := newFixture(t)
	make := func(cid, name, source string) {
		m := &CreateContainer{}
		m.ID = id.Container(cid)
		m.Spec = &specs.Spec{Annotations: map[string]string{"io.kubernetes.cri.container-name": name}}
		m.Shared = []container.SharedMount{{Mount: sharedmount.Mount{Name: "m", Source: source}}}
		coretest.Ask(st.Actor, m)
	}
	from := func(cid string) core.Ref { return st.asked(cid).Shared[0].From }
	make("old", "app", "app")
	if from("old") != (core.Ref{}) {
		t.Error("a container was given itself as the source")
	}
	make("new", "app", "")
	if from("new") != (core.Ref{}) {
		t.Error("no name has led to a container")
	}
	make("dest", "dest", "app")
	if from("dest") != st.Child("container/new").Ref {
		t.Error("the source is not the latest container of the name")
	}
	st.goes("new")
	make("dest2", "dest", "app")
	if from("dest2") != st.Child("container/old").Ref {
		t.Error("the source is not the one that is left")
	}
}
