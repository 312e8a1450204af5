// SPDX-License-Identifier: Apache-2.0

package components

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/kata-containers/kata-agent/guest/components/cdh"
)

// errNoExtension says that no extension image is mounted.
var errNoExtension = errors.New("no extension image")

const (
	manifestFile   = "etc/kata-extensions/components.toml"
	maxManifest    = 1 << 20 // bytes
	manifestSchema = 1
	defaultVariant = "default"
)

// manifest is components.toml of an extension image. Paths in it are from the image's root.
type manifest struct {
	Schema    int               `toml:"schema_version"`
	Paths     map[string]string `toml:"paths"` // "ocicrypt-config", "pause-bundle"
	Processes []entry           `toml:"process"`
}

// entry is a component in a manifest. Its texts may have ${variables} in them.
type entry struct {
	ID       string             `toml:"id"`
	Level    int                `toml:"level"` // as in levels; 0 is not started
	Select   string             `toml:"select"`
	Variants map[string]flavour `toml:"variants"`
	Optional []struct {
		When string   `toml:"when"` // a variable: only if it is not empty
		Args []string `toml:"args"`
	} `toml:"optional_args"`
	Config  string `toml:"config"`
	Socket  string `toml:"wait_socket"`
	Timeout string `toml:"timeout_secs"`
	flavour
}

// flavour is what the builds of one component differ in.
type flavour struct {
	Path string            `toml:"path"`
	Args []string          `toml:"args"`
	Env  map[string]string `toml:"env"`
}

// extension is the plan of the extension image, errNoExtension without one.
func (o Options) extension(max int) (Plan, error) {
	if !o.exists(extensionRoot) {
		return Plan{}, errNoExtension
	}
	p, err := o.follow(max)
	if err != nil {
		return Plan{}, fmt.Errorf("extension image %s: %w", extensionRoot, err)
	}
	return p, nil
}

func (o Options) follow(max int) (Plan, error) {
	m, err := readManifest(filepath.Join(o.Root, extensionRoot, manifestFile))
	if err != nil {
		return Plan{}, err
	}
	ocicrypt, err := inImage(m.Paths["ocicrypt-config"])
	if err != nil {
		return Plan{}, fmt.Errorf("ocicrypt-config: %w", err)
	}
	vars := o.variables(ocicrypt)
	var p Plan
	for _, e := range m.Processes {
		if e.Level < 1 || e.Level > max {
			continue
		}
		c, err := e.resolve(vars, o.Timeout)
		if err != nil {
			return Plan{}, fmt.Errorf("process %q: %w", e.ID, err)
		}
		p.Processes = append(p.Processes, c)
	}
	if pause, ok := m.Paths["pause-bundle"]; ok {
		if p.PauseBundle, err = inImage(pause); err != nil {
			return Plan{}, fmt.Errorf("pause-bundle: %w", err)
		}
	}
	return p, nil
}

func readManifest(path string) (*manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("%s has more than %d bytes", manifestFile, maxManifest)
	}
	var m manifest
	if _, err := toml.Decode(string(text), &m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if m.Schema != manifestSchema {
		return nil, fmt.Errorf("%s: schema_version %d, want %d", manifestFile, m.Schema, manifestSchema)
	}
	return &m, nil
}

var errOutside = errors.New("leads out of the image")

// inImage is the path in the guest of a path in the image.
func inImage(path string) (string, error) {
	path = strings.TrimSpace(path)
	if path == "" {
		return "", fmt.Errorf("path: %w", fs.ErrNotExist)
	}
	if slices.Contains(strings.Split(path, "/"), "..") {
		return "", fmt.Errorf("path %q %w", path, errOutside)
	}
	return filepath.Join(extensionRoot, path), nil
}

// variables are what a manifest can refer to.
func (o Options) variables(ocicrypt string) variables {
	return variables{
		"aa_attestation_uri":     "unix://" + attestationSocket,
		"aa_attestation_socket":  attestationSocket,
		"aa_config_path":         agentConfig,
		"cdh_config_path":        hubConfig,
		"cdh_socket":             cdh.Socket,
		"ocicrypt_config_path":   ocicrypt,
		"rest_api_features":      o.Features,
		"launch_process_timeout": strconv.Itoa(int(o.Timeout / time.Second)),
		"initdata_toml_path":     o.initData(),
		"extension_root":         extensionRoot,
		"attester_variant":       o.Variant,
	}
}

type variables map[string]string

// expander puts the values of variables into texts. It keeps the first error.
type expander struct {
	variables
	err error
}

func (x *expander) text(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		value, known := x.variables[name]
		switch {
		case x.err != nil:
		case !closed:
			x.err = fmt.Errorf("${%s has no end", name)
		case !known:
			x.err = fmt.Errorf("unknown variable ${%s}", name)
		}
		out.WriteString(value)
		text = after
	}
}

func (x *expander) texts(texts []string) (out []string) {
	for _, text := range texts {
		out = append(out, x.text(text))
	}
	return out
}

// resolve makes a process of an entry. wait is for a socket that comes without a limit.
func (e entry) resolve(vars variables, wait time.Duration) (Process, error) {
	if e.ID == "" {
		return Process{}, errors.New("it has no id")
	}
	x := &expander{variables: vars}
	chosen, err := e.chosen(x.text(e.Select))
	if err != nil {
		return Process{}, errors.Join(x.err, err)
	}
	path := e.Path
	if chosen.Path != "" {
		path = chosen.Path
	}
	path = x.text(path)
	p := Process{
		ID: e.ID, Args: e.args(x, chosen), Env: e.env(x, chosen),
		Config: x.text(e.Config), Socket: x.text(e.Socket), Timeout: wait,
	}
	timeout := x.text(e.Timeout)
	if x.err != nil {
		return Process{}, x.err
	}
	if timeout != "" {
		seconds, err := strconv.ParseUint(timeout, 10, 31)
		if err != nil {
			return Process{}, fmt.Errorf("timeout_secs %q is no number of seconds", timeout)
		}
		p.Timeout = time.Duration(seconds) * time.Second
	}
	p.Path, err = inImage(path)
	return p, err
}

// chosen is the flavour that a component is to be, nothing for one that has only one.
func (e entry) chosen(name string) (flavour, error) {
	if len(e.Variants) == 0 {
		return flavour{}, nil
	}
	if name == "" {
		name = defaultVariant
	}
	v, ok := e.Variants[name]
	if !ok {
		return flavour{}, fmt.Errorf("variant %q is none of %s", name, strings.Join(slices.Sorted(maps.Keys(e.Variants)), ", "))
	}
	return v, nil
}

func (e entry) args(x *expander, chosen flavour) []string {
	args := x.texts(e.Args)
	for _, o := range e.Optional {
		if x.variables[o.When] != "" {
			args = append(args, x.texts(o.Args)...)
		}
	}
	return append(args, x.texts(chosen.Args)...)
}

// env is sorted, so that equal manifests make equal processes.
func (e entry) env(x *expander, chosen flavour) (env []string) {
	all := map[string]string{}
	maps.Copy(all, e.Env)
	maps.Copy(all, chosen.Env)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		env = append(env, name+"="+x.text(all[name]))
	}
	return env
}
