// SPDX-License-Identifier: Apache-2.0

package components

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// image makes a root of a guest with these files, and options to look at it.
func image(t *testing.T, files map[string]string) Options {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// clock: a number that goes into a plan, by which nobody waits here
	return Options{Root: root, Last: APIServer, Features: "resource", Timeout: 6 * time.Second}
}

// programsOf are the built-in places of the components.
func programsOf(ids ...string) map[string]string {
	files := map[string]string{}
	for _, id := range ids {
		files["/usr/local/bin/"+id] = ""
	}
	return files
}

// shown is a plan as text, one component a line.
func shown(p Plan) string {
	var lines []string
	for _, c := range p.Processes {
		lines = append(lines, strings.TrimRight(strings.Join([]string{
			c.ID, strings.Join(append(append(slices.Clone(c.Env), c.Path), c.Args...), " "), c.Config, c.Socket, c.Timeout.String(),
		}, " | "), " "))
	}
	return strings.Join(lines, "\n")
}

const (
	attestationLine = "attestation-agent | /usr/local/bin/attestation-agent --attestation_sock unix:///run/confidential-containers/attestation-agent/attestation-agent.sock" +
		" | /run/confidential-containers/initdata/aa.toml | /run/confidential-containers/attestation-agent/attestation-agent.sock | 6s"
	hubLine = "confidential-data-hub | OCICRYPT_KEYPROVIDER_CONFIG=/etc/ocicrypt_config.json /usr/local/bin/confidential-data-hub" +
		" | /run/confidential-containers/initdata/cdh.toml | /run/confidential-containers/cdh.sock | 6s"
	restLine = "api-server-rest | /usr/local/bin/api-server-rest --features resource |  |  | 0s"
)

// TestBuiltInPlan: what hosts and images rely on, for each value of the option.
func TestBuiltInPlan(t *testing.T) {
	o := image(t, programsOf(AttestationAgent, DataHub, APIServer))
	for last, want := range map[string]string{
		None:             "",
		AttestationAgent: attestationLine,
		DataHub:          attestationLine + "\n" + hubLine,
		APIServer:        attestationLine + "\n" + hubLine + "\n" + restLine,
	} {
		o.Last = last
		p, err := MakePlan(o)
		if got := shown(p); err != nil || got != want || len(p.Missing) != 0 {
			t.Errorf("%s: %v, missing %q, got\n%s\nwant\n%s", last, err, p.Missing, got, want)
		}
	}
	if _, err := MakePlan(Options{Last: "something"}); err == nil {
		t.Error("a plan up to something, want an error")
	}
}

// TestPlanFollowsTheConfiguration: init data, proxies, and a REST API that offers nothing.
func TestPlanFollowsTheConfiguration(t *testing.T) {
	o := image(t, programsOf(AttestationAgent, DataHub, APIServer))
	o.InitData, o.Features, o.HTTPSProxy, o.NoProxy = true, "none", "http://proxy:3128/", "10.0.0.0/8"
	p, err := MakePlan(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Processes) != 2 {
		t.Fatalf("%d components, want two: nobody is to serve a REST API without features", len(p.Processes))
	}
	if args := p.Processes[0].Args; !slices.Equal(args[2:], []string{"--initdata-toml", "/run/confidential-containers/initdata/initdata.toml"}) {
		t.Errorf("arguments %q, want the init data", args)
	}
	for _, c := range p.Processes {
		for _, want := range []string{"HTTPS_PROXY=http://proxy:3128/", "https_proxy=http://proxy:3128/", "NO_PROXY=10.0.0.0/8", "no_proxy=10.0.0.0/8"} {
			if !slices.Contains(c.Env, want) {
				t.Errorf("%s: environment %q, want %s", c.ID, c.Env, want)
			}
		}
	}
}

// TestMissingParts: a program that the image lacks is named.
func TestMissingParts(t *testing.T) {
	p, err := MakePlan(image(t, programsOf(AttestationAgent, APIServer)))
	if err != nil || !slices.Equal(p.Missing, []string{"/usr/local/bin/confidential-data-hub"}) {
		t.Errorf("missing %q, %v, want the data hub's program", p.Missing, err)
	}
}

const manifestPath = "/run/kata-extensions/coco/etc/kata-extensions/components.toml"

const exampleManifest = `
schema_version = 1
future = "is passed over"
[paths]
"ocicrypt-config" = "etc/ocicrypt.json"
"pause-bundle" = "/pause_bundle"
[[process]]
id = "attestation-agent"
level = 1
args = ["--attestation_sock", "${aa_attestation_uri}"]
optional_args = [{ when = "initdata_toml_path", args = ["--initdata-toml", "${initdata_toml_path}"] }]
config = "${aa_config_path}"
env = { A = "base", B = "${extension_root}/lib" }
wait_socket = "${aa_attestation_socket}"
timeout_secs = "9"
select = "${attester_variant}"
[process.variants.default]
path = "usr/bin/aa"
[process.variants.gpu]
path = "usr/bin/aa-gpu"
args = ["--gpu"]
env = { A = "gpu" }
[[process]]
id = "confidential-data-hub"
level = 2
path = "usr/bin/cdh"
env = { OCICRYPT_KEYPROVIDER_CONFIG = "${ocicrypt_config_path}" }
wait_socket = "${cdh_socket}"
[[process]]
id = "unused"
path = "usr/bin/unused"
[[process]]
id = "api-server-rest"
level = 3
path = "usr/bin/rest"
args = ["--features", "${rest_api_features}", "--wait=${launch_process_timeout}"]
`

// TestManifest: the plan of an extension image takes the place of the built-in one.
func TestManifest(t *testing.T) {
	const root = "/run/kata-extensions/coco"
	o := image(t, map[string]string{manifestPath: exampleManifest})
	o.InitData, o.Variant = true, "gpu"
	p, err := MakePlan(o)
	want := strings.Join([]string{
		"attestation-agent | A=gpu B=" + root + "/lib " + root + "/usr/bin/aa-gpu --attestation_sock unix://" + attestationSocket +
			" --initdata-toml /run/confidential-containers/initdata/initdata.toml --gpu | /run/confidential-containers/initdata/aa.toml | " + attestationSocket + " | 9s",
		"confidential-data-hub | OCICRYPT_KEYPROVIDER_CONFIG=" + root + "/etc/ocicrypt.json " + root + "/usr/bin/cdh |  | /run/confidential-containers/cdh.sock | 6s",
		"api-server-rest | " + root + "/usr/bin/rest --features resource --wait=6 |  |  | 6s",
	}, "\n")
	if got := shown(p); err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	if p.PauseBundle != root+"/pause_bundle" || len(p.Missing) != 3 {
		t.Errorf("pause bundle %q, missing %q, want that of the extension, and its three programs", p.PauseBundle, p.Missing)
	}
	o.Last, o.Variant, o.InitData = AttestationAgent, "", false
	p, err = MakePlan(o)
	want = "attestation-agent | A=base B=" + root + "/lib " + root + "/usr/bin/aa --attestation_sock unix://" + attestationSocket +
		" | /run/confidential-containers/initdata/aa.toml | " + attestationSocket + " | 9s"
	if got := shown(p); err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
}

// TestBadManifest: an image that cannot be followed is refused, and the error says what is wrong with it.
func TestBadManifest(t *testing.T) {
	change := func(old, now string) string { return strings.Replace(exampleManifest, old, now, 1) }
	for want, text := range map[string]string{
		"schema_version 0, want 1":        change("schema_version = 1", ""),
		"schema_version 2, want 1":        change("schema_version = 1", "schema_version = 2"),
		"leads out of the image":          change("usr/bin/cdh", "usr/../../bin/cdh"),
		"ocicrypt-config":                 change(`"ocicrypt-config"`, `"other"`),
		"unknown variable ${cdh_sock}":    change("${cdh_socket}", "${cdh_sock}"),
		"${cdh_socket has no end":         change("${cdh_socket}", "${cdh_socket"),
		`variant "gpu" is none of`:        change("variants.gpu", "variants.nvidia"),
		`timeout_secs "soon"`:             change(`timeout_secs = "9"`, `timeout_secs = "soon"`),
		`process "confidential-data-hub"`: change(`path = "usr/bin/cdh"`, ""),
		"it has no id":                    change(`id = "api-server-rest"`, ""),
		"components.toml: ":               "schema_version = ",
	} {
		o := image(t, map[string]string{manifestPath: text})
		o.Variant = "gpu"
		if _, err := MakePlan(o); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "extension image /run/kata-extensions/coco") {
			t.Errorf("got %v, want %q of the extension image", err, want)
		}
	}
	o := image(t, map[string]string{"/run/kata-extensions/coco/README": ""})
	if _, err := MakePlan(o); err == nil || !strings.Contains(err.Error(), "components.toml") {
		t.Errorf("no manifest: %v, want an error that names it", err)
	}
}
