// SPDX-License-Identifier: Apache-2.0

package config

import "math"

// option is one row of the table. The first word and the first key are the
// canonical spellings, the others are accepted.
type option struct {
	words  []string // on the kernel command line
	keys   []string // in the TOML file
	env    string   // environment variable
	value  value
	doc    string
	flag   bool // an empty value ("agent.debug_console=") means true
	secret bool // may hold a password: redact wherever it is shown
}

// name is what messages call the option.
func (o option) name() string {
	switch {
	case len(o.words) > 0:
		return o.words[0]
	case len(o.keys) > 0:
		return o.keys[0]
	}
	return o.env
}

// group is a part of the table, with its heading in the documentation.
type group struct {
	title   string
	options []option
}

// wordConfigFile names the configuration file. It is no row of the table: it
// says where other values come from.
const wordConfigFile = "agent.config_file"

// groups binds the table to the fields of c.
func groups(c *Config) []group {
	return []group{
		{"General", general(c)},
		{"Timeouts", timeouts(c)},
		{"Containers and guest components", guest(c)},
		{"Control groups", cgroups(c)},
		{"Memory agent", memAgent(&c.MemAgent)},
	}
}

// options is the table without its headings.
func options(c *Config) []option {
	var all []option
	for _, g := range groups(c) {
		all = append(all, g.options...)
	}
	return all
}

func general(c *Config) []option {
	return []option{
		{
			words: []string{"agent.server_addr", "agent.server_address"},
			keys:  []string{"server_addr", "server_address"},
			env:   "KATA_AGENT_SERVER_ADDR",
			value: address{&c.ServerAddress},
			doc:   "Where the agent listens for ttRPC connections.",
		},
		{
			words: []string{"agent.log"},
			keys:  []string{"log_level", "log"},
			env:   "KATA_AGENT_LOG_LEVEL",
			value: level(&c.LogLevel),
			doc:   "The least severe level that is written. Upper and lower case are the same.",
		},
		{
			words: []string{"agent.log_vport"},
			keys:  []string{"log_vport"},
			value: port(&c.LogVPort),
			doc:   "vsock port on which a host can read the log lines; 0 writes them to standard output.",
		},
		{
			words: []string{"agent.trace"},
			keys:  []string{"tracing", "trace"},
			env:   "KATA_AGENT_TRACING",
			value: boolean{&c.Trace, []string{"isolated", "collated"}},
			flag:  true,
			doc:   "Collects spans and sends them to the host's trace forwarder. The two modes of the 1.x agent both mean on. See tracing.md.",
		},
		{
			words: []string{"agent.trace_endpoint"},
			keys:  []string{"trace_endpoint"},
			env:   "KATA_AGENT_TRACE_ENDPOINT",
			value: collector{&c.TraceEndpoint},
			doc:   "Where spans are sent: `http` and `vsock` are collectors of OTLP over HTTP, without TLS; `unix` is a socket that takes the frames of Kata's trace forwarder. Nothing is that forwarder, on port 10240 of the host.",
		},
		{
			words: []string{"agent.debug_console"},
			keys:  []string{"debug_console"},
			value: boolean{p: &c.DebugConsole},
			flag:  true,
			doc:   "Starts a shell for debugging.",
		},
		{
			words: []string{"agent.debug_console_vport"},
			keys:  []string{"debug_console_vport"},
			value: port(&c.DebugConsoleVPort),
			doc:   "vsock port of the debug console, which it also turns on; 0 puts the console on /dev/console.",
		},
		{
			words: []string{"agent.devmode"},
			keys:  []string{"dev_mode", "devmode"},
			value: boolean{p: &c.DevMode},
			flag:  true,
			doc:   "Lets the agent dump core, and logs at debug unless a level is given.",
		},
		{
			words: []string{"agent.policy_file"},
			keys:  []string{"policy_file"},
			env:   "KATA_AGENT_POLICY_FILE",
			value: str{&c.PolicyFile, "path"},
			doc:   "Policy document to start with, in place of /etc/kata-opa/default-policy.rego. An agent built without policy does not start where there is one; see policy.md.",
		},
	}
}

func timeouts(c *Config) []option {
	return []option{
		{
			words: []string{"agent.hotplug_timeout"},
			keys:  []string{"hotplug_timeout"},
			value: duration{&c.HotplugTimeout},
			doc:   "How long a device may take to appear.",
		},
		{
			words: []string{"agent.cdh_api_timeout"},
			keys:  []string{"cdh_api_timeout"},
			value: duration{&c.CDHAPITimeout},
			doc:   "Limit of one call to the Confidential Data Hub.",
		},
		{
			words: []string{"agent.image_pull_timeout"},
			keys:  []string{"image_pull_timeout"},
			value: duration{&c.ImagePullTimeout},
			doc:   "Limit of pulling one image inside the guest.",
		},
		{
			words: []string{"agent.cdi_timeout"},
			keys:  []string{"cdi_timeout"},
			value: duration{&c.CDITimeout},
			doc:   "How long the CDI specifications of a container's devices may take to appear.",
		},
		{
			words: []string{"agent.launch_process_timeout"},
			keys:  []string{"launch_process_timeout"},
			value: duration{&c.LaunchProcessTimeout},
			doc:   "How long the socket of a guest component may take to appear. The agent does not start without it.",
		},
		{
			words: []string{"agent.step_warning"},
			keys:  []string{"step_warning"},
			value: duration{&c.StepWarning},
			doc:   "How long a step of a request, such as a hook, a mount or the wait for a device, may take before the log names it. See operating.md.",
		},
		{
			words: []string{"agent.step_warning_again"},
			keys:  []string{"step_warning_again"},
			value: duration{&c.StepWarningAgain},
			doc:   "When the log names it again.",
		},
	}
}

func guest(c *Config) []option {
	return []option{
		{
			words: []string{"agent.container_pipe_size"},
			keys:  []string{"container_pipe_size"},
			value: number[int]{p: &c.ContainerPipeSize, max: math.MaxInt32, unit: "bytes"},
			doc:   "Size of a container's standard output and error pipes; 0 leaves the kernel's default. More than the guest's pipe-max-size is reduced to it.",
		},
		{
			words: []string{"agent.container_init"},
			keys:  []string{"container_init"},
			env:   "KATA_AGENT_CONTAINER_INIT",
			value: choice[string]{p: &c.ContainerInit, names: []string{"direct", "libcontainer"}},
			doc:   "What makes the first process of a plain container: the agent's own helper, or libcontainer. What is not plain goes by libcontainer (docs/decisions/0010-container-init.md), and everything with agent.keep_containers.",
		},
		{
			words: []string{"agent.vsock_local"},
			keys:  []string{"vsock_local"},
			value: boolean{p: &c.VsockLocal},
			doc:   "Accept connections from inside the guest, where the kernel has vsock loopback. Without it no container can reach the agent by vsock.",
		},
		{
			words: []string{"agent.keep_containers"},
			keys:  []string{"keep_containers"},
			value: boolean{p: &c.KeepContainers},
			doc:   "Let the containers outlive an agent that dies, for the next one to take over; where the agent is the guest's init, which then starts it again, the host's connections too (docs/survival.md). Not with a policy in force. Without it the guest powers off, or the next agent clears what is left.",
		},
		{
			words: []string{"agent.passfd_listener_port"},
			keys:  []string{"passfd_listener_port"},
			value: port(&c.PassfdListenerPort),
			doc:   "vsock port on which the host passes the standard streams of processes (docs/passfd.md); 0 is off. Hosts use 1027.",
		},
		{
			words: []string{"agent.visible_cdi_devices"},
			keys:  []string{"visible_cdi_devices"},
			value: boolean{p: &c.VisibleCDIDevices},
			doc:   "Also injects the CDI devices named by a container's VISIBLE_CDI_DEVICES environment variable.",
		},
		{
			words:  []string{"agent.https_proxy"},
			keys:   []string{"https_proxy"},
			value:  link{(*string)(&c.HTTPSProxy)},
			secret: true,
			doc:    "Proxy for guest components, which get it as HTTPS_PROXY.",
		},
		{
			words: []string{"agent.no_proxy"},
			keys:  []string{"no_proxy"},
			value: str{&c.NoProxy, "text"},
			doc:   "Hosts that guest components reach without the proxy, which they get as NO_PROXY.",
		},
		{
			words: []string{"agent.guest_components_rest_api"},
			keys:  []string{"guest_components_rest_api"},
			value: choice[string]{p: &c.GuestComponentsRESTAPI, names: []string{"none", "resource", "attestation", "all"}},
			doc:   "What the REST API of the guest components offers; none does not start it.",
		},
		{
			words: []string{"agent.guest_components_procs"},
			keys:  []string{"guest_components_procs"},
			value: choice[string]{
				p:     &c.GuestComponentsProcs,
				names: []string{"none", "attestation-agent", "confidential-data-hub", "api-server-rest"},
			},
			doc: "The last of the guest components to start, in the order of the names; each includes those before it. An image without them starts none; see guest-components.md.",
		},
		{
			words: []string{"agent.secure_storage_integrity"},
			keys:  []string{"secure_storage_integrity"},
			value: boolean{p: &c.SecureStorageIntegrity},
			doc:   "Asks for integrity protection when the store of pulled images is mounted.",
		},
	}
}

func cgroups(c *Config) []option {
	return []option{
		{
			words: []string{"systemd.unified_cgroup_hierarchy", "agent.unified_cgroup_hierarchy"},
			keys:  []string{"unified_cgroup_hierarchy"},
			value: boolean{p: &c.UnifiedCgroupHierarchy},
			doc:   "Mounts cgroup v2 when the agent is init.",
		},
		{
			words: []string{"cgroup_no_v1"},
			value: str{&c.CgroupNoV1, "text"},
			doc:   "A word of the kernel. `all` leaves only cgroup v2, which the agent then mounts; other values have no effect on it.",
		},
	}
}
