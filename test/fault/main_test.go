// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/fault/inject"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) {
	inject.Main()
	harness.Main(m)
}

// script makes a hook of a shell script; args[0] is its own name.
func script(t *testing.T, name, body string) *protocols.Hook {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &protocols.Hook{Path: path, Args: []string{name}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}}
}

// hooks puts one hook of a kind into a spec's hooks.
func hooks(kind string, h *protocols.Hook) *protocols.Hooks {
	list := []*protocols.Hook{h}
	switch kind {
	case "prestart":
		return &protocols.Hooks{Prestart: list}
	case "createRuntime":
		return &protocols.Hooks{CreateRuntime: list}
	case "createContainer":
		return &protocols.Hooks{CreateContainer: list}
	case "startContainer":
		return &protocols.Hooks{StartContainer: list}
	case "poststart":
		return &protocols.Hooks{Poststart: list}
	default:
		return &protocols.Hooks{Poststop: list}
	}
}

// exists tells whether a hook has left its mark.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
