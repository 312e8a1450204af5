// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// AgentEnv names an agent binary to test in place of the one built from the
// tree. It must be linked statically.
const AgentEnv = "KATA_AGENT_BINARY"

// staticCgo are the environment and flags of a static binary with C code.
var (
	cgoEnv    = []string{"CGO_ENABLED=1"}
	staticCgo = []string{"-tags=seccomp netgo osusergo", "-ldflags=-s -w -linkmode external -extldflags -static"}
)

// guestProgram builds the lab's own program for the guest.
func guestProgram(a Arch) (string, error) {
	env, err := a.build(false)
	if err != nil {
		return "", err
	}
	return build("lab-guest"+a.suffix(), "./test/vm/lab/guest", env, "build", "-ldflags=-s -w")
}

var agentProgram = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(AgentEnv); path != "" {
		return path, nil
	}
	return build("kata-agent", "./cmd/kata-agent", cgoEnv, append([]string{"build"}, staticCgo...)...)
})

// Agent is the agent's static binary, built from the tree once per process.
func Agent(t testing.TB) string {
	t.Helper()
	path, err := agentProgram()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// ForeignAgent is an agent for another processor, built as Agent is.
func ForeignAgent(t testing.TB, a Arch) string {
	t.Helper()
	env, err := a.build(true)
	if err != nil {
		t.Fatal(err)
	}
	path, err := build("kata-agent"+a.suffix(), "./cmd/kata-agent", env, append([]string{"build"}, staticCgo...)...)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var policyProgram = sync.OnceValues(func() (string, error) {
	flags := []string{"build", staticCgo[0] + " agent_policy", staticCgo[1]}
	return build("kata-agent-policy", "./cmd/kata-agent", cgoEnv, flags...)
})

// PolicyAgent is an agent with the policy's engine, built as Agent is.
func PolicyAgent(t testing.TB) string {
	t.Helper()
	path, err := policyProgram()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var failingProgram = sync.OnceValues(func() (string, error) {
	flags := []string{"build", staticCgo[0] + " agent_policy failpoints", staticCgo[1]}
	return build("kata-agent-failpoints", "./cmd/kata-agent", cgoEnv, flags...)
})

// FailingAgent is an agent in which steps can be made to fail, built as Agent is.
func FailingAgent(t testing.TB) string {
	t.Helper()
	path, err := failingProgram()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// build compiles a program of this module into the cache, one file for each
// tree it is run from. verb is the go command with its flags.
func build(name, pkg string, env []string, verb ...string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	out := filepath.Join(cache, name+"-"+hash(root))
	// Test processes run side by side: each builds a file of its own and
	// renames it, so that none reads half a program.
	scratch := fmt.Sprintf("%s.%d", out, os.Getpid())
	defer os.Remove(scratch)
	cmd := exec.Command("go", slices.Concat(verb, []string{"-trimpath", "-o", scratch, pkg})...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", pkg, err, msg)
	}
	return out, os.Rename(scratch, out)
}

// hash is a short name for a long one.
func hash(s string) string {
	h := fnv.New32a()
	io.WriteString(h, s)
	return fmt.Sprintf("%08x", h.Sum32())
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || mod == "" || mod == os.DevNull {
		return "", fmt.Errorf("the lab runs inside its module only: GOMOD is %q, %w", mod, err)
	}
	return filepath.Dir(mod), nil
}
