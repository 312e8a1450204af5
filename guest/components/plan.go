// SPDX-License-Identifier: Apache-2.0

package components

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/guest/policy/initdata"
)

// Names of the components, and the last of them to start: agent.guest_components_procs. Each of them
// includes those before it.
const (
	None             = "none"
	AttestationAgent = "attestation-agent"
	DataHub          = "confidential-data-hub"
	APIServer        = "api-server-rest"
)

// levels in the order of the start. A manifest has the same numbers.
var levels = []string{None, AttestationAgent, DataHub, APIServer}

// Places of the guest that components know.
const (
	runDir            = "/run/confidential-containers"
	attestationSocket = runDir + "/attestation-agent/attestation-agent.sock"
	programs          = "/usr/local/bin"
	ocicryptConfig    = "/etc/ocicrypt_config.json"
	extensionRoot     = "/run/kata-extensions/coco"
	agentConfig       = initdata.Dir + "/" + initdata.KeyAgent
	hubConfig         = initdata.Dir + "/" + initdata.KeyHub
)

// Options are what the agent's configuration says of the components.
type Options struct {
	// Last is the last one to start: None, AttestationAgent, DataHub or APIServer.
	Last string
	// Features are what the REST API offers: "resource", "attestation" or "all". With "none" it is not
	// started.
	Features string
	// Timeout is how long the socket of one of them may take.
	Timeout time.Duration
	// InitData says that the guest has been given init data, which is in [initdata.Dir].
	InitData bool
	// HTTPSProxy and NoProxy are for those that use the network, "" for none.
	HTTPSProxy, NoProxy string
	// Variant chooses among builds of a component in an extension image, "default" if empty.
	Variant string
	// Root is put before the paths at which the plan looks, for tests.
	Root string
}

// Plan says what to start.
type Plan struct {
	Processes []Process // in order
	// Missing are programs of Processes that the image does not have. Components start all or none.
	Missing []string
	// PauseBundle is the OCI bundle of the pause image in the extension image, "" if there is none.
	PauseBundle string
}

// MakePlan is the plan of the mounted extension image, or else the agent's own for an image with all
// components in it. The error is a manifest that cannot be followed: then the guest is not what it is to
// be.
func MakePlan(o Options) (Plan, error) {
	max := slices.Index(levels, o.Last)
	if max < 0 {
		return Plan{}, fmt.Errorf("guest components: %q is none", o.Last)
	}
	if o.Variant == "" {
		o.Variant = defaultVariant
	}
	p, err := o.extension(max)
	if errors.Is(err, errNoExtension) {
		p, err = o.builtIn(max), nil
	}
	if err != nil {
		return Plan{}, err
	}
	p.Processes = slices.DeleteFunc(p.Processes, func(c Process) bool { return c.ID == APIServer && o.Features == None })
	for i := range p.Processes {
		c := &p.Processes[i]
		c.Env = append(o.proxies(), c.Env...)
		if !o.exists(c.Path) {
			p.Missing = append(p.Missing, c.Path)
		}
	}
	return p, nil
}

// builtIn is the plan for images without an extension.
func (o Options) builtIn(max int) Plan {
	attestation := Process{
		ID: AttestationAgent, Path: filepath.Join(programs, AttestationAgent), Config: agentConfig,
		Args: []string{"--attestation_sock", "unix://" + attestationSocket}, Socket: attestationSocket, Timeout: o.Timeout,
	}
	if file := o.initData(); file != "" {
		attestation.Args = append(attestation.Args, "--initdata-toml", file)
	}
	all := []Process{
		attestation,
		{
			ID: DataHub, Path: filepath.Join(programs, DataHub), Config: hubConfig,
			Env: []string{"OCICRYPT_KEYPROVIDER_CONFIG=" + ocicryptConfig}, Socket: cdh.Socket, Timeout: o.Timeout,
		},
		{ID: APIServer, Path: filepath.Join(programs, APIServer), Args: []string{"--features", o.Features}},
	}
	return Plan{Processes: all[:max]}
}

// initData is the file with the init data, "" without.
func (o Options) initData() string {
	if !o.InitData {
		return ""
	}
	return filepath.Join(initdata.Dir, initdata.File)
}

// proxies are in both spellings: programs differ.
func (o Options) proxies() (env []string) {
	if o.HTTPSProxy != "" {
		env = append(env, "HTTPS_PROXY="+o.HTTPSProxy, "https_proxy="+o.HTTPSProxy)
	}
	if o.NoProxy != "" {
		env = append(env, "NO_PROXY="+o.NoProxy, "no_proxy="+o.NoProxy)
	}
	return env
}

// exists is true for what it cannot tell: then the start fails, and says why.
func (o Options) exists(path string) bool {
	_, err := os.Stat(filepath.Join(o.Root, path))
	return !errors.Is(err, fs.ErrNotExist)
}
