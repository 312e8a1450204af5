// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/test/components"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

var allComponents = []string{"attestation-agent", "confidential-data-hub", "api-server-rest"}

// installed puts stand-ins for components into a directory, which an agent has as /usr/local/bin.
func installed(t *testing.T, ids ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	components.Install(t, dir, ids...)
	components.Behave(t, dir, "api-server-rest", "bind 127.0.0.1:0\n")
	return dir
}

// hubOf is a client of the data hub of an agent.
func hubOf(t *testing.T, a *harness.Agent) *cdh.Client {
	c := cdh.New(cdh.Options{Socket: a.Path(cdh.Socket)})
	t.Cleanup(c.Close)
	return c
}

// componentPID finds the process of a component, by its program and the agent's mount namespace.
func componentPID(t *testing.T, a *harness.Agent, id string) (pid int) {
	t.Helper()
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", a.Pid))
	if err != nil {
		t.Fatal(err)
	}
	guard.Until(t, id+" runs", func() bool {
		lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, name := range lines {
			line, _ := os.ReadFile(name)
			mnt, _ := os.Readlink(filepath.Join(filepath.Dir(name), "ns/mnt"))
			if strings.HasPrefix(string(line), "/usr/local/bin/"+id+"\x00") && mnt == own {
				pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(name)))
				return true
			}
		}
		return false
	})
	return pid
}

// wantLines holds the log against lines of components that it must have, in this order.
func wantLines(t *testing.T, log string, want ...[2]string) {
	t.Helper()
	for _, w := range want {
		_, after, found := strings.Cut(log, fmt.Sprintf("%q,", w[1]))
		line, _, _ := strings.Cut(after, "\n")
		if !found || !strings.Contains(line, fmt.Sprintf("%q:%q", "component", w[0])) {
			t.Fatalf("no line %q of %s in its place, want it in:\n%s", w[1], w[0], log)
		}
		log = after
	}
}

// TestGuestComponents: they are started in their order with what the configuration says, work together,
// are started again when they die, and end with the agent.
func TestGuestComponents(t *testing.T) {
	dir := installed(t, allComponents...)
	a := harness.Start(t, harness.Options{
		Components: dir, Cmdline: block(t, "", "agent.guest_components_procs=", "agent.guest_components_rest_api=", "agent.https_proxy=", "agent.no_proxy="),
	})
	const attestation = "/run/confidential-containers/attestation-agent/attestation-agent.sock"
	guard.Until(t, "the last component listens", func() bool { return strings.Contains(a.Log(), " with all") })
	wantLines(t, a.Log(),
		[2]string{"attestation-agent", "starts with --attestation_sock unix://" + attestation},
		[2]string{"attestation-agent", "guest component is ready"},
		[2]string{"confidential-data-hub", "starts with "},
		[2]string{"confidential-data-hub", "guest component is ready"},
		[2]string{"api-server-rest", "starts with --features all"},
	)
	pids := map[string]int{}
	for _, id := range allComponents {
		pids[id] = componentPID(t, a, id)
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pids[id]))
		if err != nil {
			t.Fatal(err)
		}
		env := strings.Split(string(environ), "\x00")
		for _, want := range []string{"HTTPS_PROXY=http://user:password@proxy:3128/", "NO_PROXY=10.0.0.0/8"} {
			if !slices.Contains(env, want) {
				t.Errorf("%s: environment %q, want %s", id, env, want)
			}
		}
	}
	if strings.Contains(a.Log(), "password") {
		t.Error("the log has the proxy's password in it")
	}
	if warnings := a.Warnings(); len(warnings) > 0 {
		t.Errorf("warnings %q, want none", warnings)
	}

	hub := hubOf(t, a)
	unseal := func() {
		t.Helper()
		plain, err := hub.UnsealSecret(guard.Context(t), components.Seal("a secret"))
		if err != nil || string(plain) != "a secret" {
			t.Errorf("unseal: %q, %v, want the secret", plain, err)
		}
	}
	unseal()
	for _, id := range []string{"attestation-agent", "confidential-data-hub"} {
		if err := unix.Kill(pids[id], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if id == "attestation-agent" { // the hub's own client waits for nobody
			guard.Until(t, "it listens again", func() bool { return strings.Count(a.Log(), "listens on "+attestation) == 2 })
		}
		unseal()
		if again := componentPID(t, a, id); again == pids[id] {
			t.Errorf("%s is process %d still", id, again)
		} else {
			pids[id] = again
		}
		a.UntilLogged(1, id+" has ended with status 137")
	}

	if err := a.DestroySandbox(background(t)); err != nil {
		t.Fatal(err)
	}
	if status := a.WaitExit(); status != 0 {
		t.Errorf("the agent has ended with status %d, want 0", status)
	}
	for id, pid := range pids {
		if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
			t.Errorf("%s, process %d: %v, want it gone with the agent", id, pid, err)
		}
	}
}

// TestComponentWithoutSocket: the agent does not start without a component that is there and does not
// become ready, and says which.
func TestComponentWithoutSocket(t *testing.T) {
	dir := installed(t, allComponents...)
	components.Behave(t, dir, "confidential-data-hub", "start-after 1h\n")
	log := harness.WantNoStart(t, harness.Options{Components: dir, Cmdline: "agent.launch_process_timeout=2"})
	for _, want := range []string{"confidential-data-hub: wait for " + cdh.Socket + " to exist timeout.", "more than 2s"} {
		if !strings.Contains(log, want) {
			t.Errorf("no word of %q in the log, want it:\n%s", want, log)
		}
	}
	if strings.Contains(log, `"listening"`) {
		t.Error("the agent has listened before its components were ready")
	}
}

// TestImageWithoutComponents: they start all or none. What is missing is named once, and not at all where
// nobody asks for components.
func TestImageWithoutComponents(t *testing.T) {
	const warning = "no guest components: the image lacks their programs"
	for name, tc := range map[string]struct {
		there    []string
		cmdline  string
		warnings int
		missing  string
	}{
		"none":            {nil, "", 0, ""},
		"none, and asked": {nil, "agent.guest_components_procs=attestation-agent", 1, "/usr/local/bin/attestation-agent"},
		"some":            {[]string{"attestation-agent"}, "", 1, "/usr/local/bin/confidential-data-hub /usr/local/bin/api-server-rest"},
		"off":             {[]string{"attestation-agent"}, "agent.guest_components_procs=none", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.there != nil {
				components.Install(t, dir, tc.there...)
			}
			a := harness.Start(t, harness.Options{Components: dir, Cmdline: tc.cmdline})
			a.UntilLogged(tc.warnings, warning, tc.missing)
			if children := a.Children(); len(children) != 0 {
				t.Errorf("children %q, want no component", children)
			}
			if _, err := hubOf(t, a).UnsealSecret(guard.Context(t), "sealed.x"); !errors.Is(err, cdh.ErrAbsent) {
				t.Errorf("data hub: %v, want %v", err, cdh.ErrAbsent)
			}
		})
	}
}

// block is the first block of docs/guest-components.md in a language, which must have these words in it.
func block(t *testing.T, language string, words ...string) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/guest-components.md")
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, b := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(string(doc), -1) {
		if text == "" && b[1] == language {
			text = b[2]
		}
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Fatalf("the example in docs/guest-components.md has no %q, want it in %q", word, text)
		}
	}
	return text
}

// inExtension are the options of an agent that finds an extension image with stand-ins and this manifest.
func inExtension(t *testing.T, manifest string) harness.Options {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"usr/local/bin", "etc/kata-extensions"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	components.Install(t, filepath.Join(dir, "usr/local/bin"), "attestation-agent", "confidential-data-hub")
	if err := os.WriteFile(filepath.Join(dir, "etc/kata-extensions/components.toml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	mount := `mkdir -p /run/kata-extensions/coco && mount --bind ` + dir + ` /run/kata-extensions/coco && exec "$@"`
	return harness.Options{Wrap: []string{"sh", "-c", mount, "sh"}}
}

// TestExtensionImage: its manifest, that of docs/guest-components.md, takes the place of what the agent knows
// of components.
func TestExtensionImage(t *testing.T) {
	manifest := block(t, "toml", "${cdh_socket}", `level = 2`)
	a := harness.Start(t, inExtension(t, manifest))
	a.UntilLogged(2, "guest component is ready")
	wantLines(t, a.Log(),
		[2]string{"attestation-agent", "guest component is ready"},
		[2]string{"confidential-data-hub", "guest component is ready"},
	)
	if plain, err := hubOf(t, a).UnsealSecret(guard.Context(t), components.Seal("x")); err != nil || string(plain) != "x" {
		t.Errorf("unseal: %q, %v, want the secret", plain, err)
	}
	log := harness.WantNoStart(t, inExtension(t, strings.Replace(manifest, "${cdh_socket}", "${nothing}", 1)))
	if !strings.Contains(log, `process \"confidential-data-hub\": unknown variable ${nothing}`) {
		t.Errorf("the log does not say what is wrong with the manifest:\n%s", log)
	}
}

// TestComponentsOfADeadAgent: those that it has left are killed before the next one starts its own.
func TestComponentsOfADeadAgent(t *testing.T) {
	script := filepath.Join(t.TempDir(), "restarting")
	if err := os.WriteFile(script, fmt.Appendf(nil, restarting, harness.Build(t)), 0o755); err != nil {
		t.Fatal(err)
	}
	p := newPod(t, harness.Options{Binary: script, Components: installed(t, allComponents...)})
	before := componentPID(t, p.Agent, "confidential-data-hub")
	p.crash()
	// Whoever has to reap it may not have done so yet.
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", before)); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("the hub of the agent that has died has outlived the next one's start: %s", stat)
	}
	if plain, err := hubOf(t, p.Agent).UnsealSecret(guard.Context(t), components.Seal("x")); err != nil || string(plain) != "x" {
		t.Errorf("unseal: %q, %v, want the secret", plain, err)
	}
	p.UntilLogged(1, `"components":"[\"api-server-rest\",\"attestation-agent\",\"confidential-data-hub\"]"`)
}
