// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// ConfigFile is the name of the specification in a bundle.
const ConfigFile = "config.json"

// Load reads the specification of the bundle in dir. A relative root path becomes an absolute
// one below dir.
func Load(dir string) (*specs.Spec, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return LoadFile(filepath.Join(dir, ConfigFile))
}

// LoadFile reads a specification. A relative root path is taken from the file's directory.
func LoadFile(file string) (*specs.Spec, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	spec := new(specs.Spec)
	if err := json.Unmarshal(data, spec); err != nil {
		return nil, fmt.Errorf("bundle: %s: %w", file, err)
	}
	if spec.Process == nil {
		return nil, fmt.Errorf("bundle: %s has no process", file)
	}
	if spec.Root != nil && !filepath.IsAbs(spec.Root.Path) {
		spec.Root.Path = filepath.Join(filepath.Dir(file), spec.Root.Path)
	}
	return spec, nil
}

// Message is the specification in dir as a host would send it, with the names of the members
// that do not fit into the message.
func Message(dir string) (*protocols.Spec, []string, error) {
	spec, err := Load(dir)
	if err != nil {
		return nil, nil, err
	}
	AsHost(spec)
	return Spec(spec), Lost(spec), nil
}
