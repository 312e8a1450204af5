# SPDX-License-Identifier: Apache-2.0
#
# Rules of the kind that a policy generator writes, made for the tests: they compare requests with
# policy_data, which a test adds below, together with a part for each container.
package agent_policy

import future.keywords.every
import future.keywords.if
import future.keywords.in

default AllowRequestsFailingPolicy := false

default CreateContainerRequest := false

default CopyFileRequest := false

default CreateSandboxRequest := false

default ExecProcessRequest := false

default SetPolicyRequest := false

default UpdateInterfaceRequest := false

default UpdateRoutesRequest := false

default AddARPNeighborsRequest := false

default WriteStreamRequest := false

default SignalProcessRequest := false

default UpdateEphemeralMountsRequest := false

default ReadStreamRequest := true

default DestroySandboxRequest := true

default GuestDetailsRequest := true

default OnlineCPUMemRequest := true

default GetOOMEventRequest := true

default StatsContainerRequest := true

default WaitProcessRequest := true

default TtyWinResizeRequest := true

# --- containers


CreateContainerRequest := {"allowed": true, "ops": ops} if {
	regex.match("^[a-z0-9][a-z0-9-]{0,63}$", input.container_id)
	not known(input.container_id)
	every m in input.shared_mounts { m.name == "" }
	not input.sandbox_pidns
	candidates := [i | some i, c in policy_data.containers; matches(i, c)]
	print("candidates", candidates)
	count(candidates) > 0
	i := candidates[0]
	ops := array.concat(
		[{"op": "add", "path": concat("/", ["", "pstate", input.container_id]), "value": {"index": i, "started": false}}],
		[op | input.container_id == "sandbox"; op := {"op": "add", "path": "/pstate/pod", "value": lower(input.OCI.Hostname)}],
	)
}

known(id) if data.pstate[id]

matches(i, c) if {
	print("trying", i)
	input.OCI.Version == policy_data.common.version
	allow_root(c.root, input.OCI.Root)
	allow_process(c.process, input.OCI.Process)
	allow_annotations(c, input.OCI.Annotations)
	allow_mounts(c.mounts, input.OCI.Mounts)
	allow_namespaces(input.OCI.Linux.Namespaces)
	allow_storages(c.storages, input.storages)
	is_null(input.OCI.Hooks)
	own(i)
}

allow_root(want, got) if {
	got.Readonly == want.Readonly
	got.Path == replace(want.Path, "$(id)", input.container_id)
}

allow_process(want, got) if {
	got.Args == want.Args
	got.Cwd == want.Cwd
	got.Terminal == want.Terminal
	got.NoNewPrivileges == want.NoNewPrivileges
	allow_user(want.User, got.User)
	allow_environment(want.Env, got.Env)
	allow_capabilities(want.Capabilities, got.Capabilities)
}

allow_user(want, got) if {
	got.UID == want.UID
	got.GID == want.GID
	{g | some g in got.AdditionalGids} - {g | some g in want.AdditionalGids} == set()
}

allow_environment(want, got) if every variable in got { allow_variable(want, variable) }

allow_variable(want, variable) if variable in want

allow_variable(_, variable) if {
	parts := split(variable, "=")
	count(parts) == 2
	regex.match("^[A-Z_]+_PORT_[0-9]+_(TCP|UDP)_ADDR$", parts[0])
	is_address(parts[1])
}

allow_variable(_, variable) if {
	startswith(variable, "HOSTNAME=")
	trim_prefix(variable, "HOSTNAME=") == data.pstate.pod
}

is_address(text) if {
	bytes := split(text, ".")
	count(bytes) == 4
	every b in bytes {
		n := to_number(b)
		n >= 0
		n <= 255
	}
}

allow_capabilities(want, got) if {
	is_null(want)
	is_null(got)
} else if {
	print("capabilities", got.Effective)
	every kind in ["Bounding", "Effective", "Permitted", "Inheritable", "Ambient"] {
		every c in got[kind] { c in want[kind] }
	}
}

allow_annotations(c, annotations) if {
	every key, value in annotations { allow_annotation(c, key, value) }
}

allow_annotation(c, key, value) if c.annotations[key] == value

allow_annotation(_, "io.kubernetes.cri.sandbox-id", value) if regex.match("^[a-z0-9-]+$", value)

allow_mounts(want, got) if {
	count(got) <= count(want)
	every m in got { allow_mount(want, m) }
}

allow_mount(want, m) if {
	some w in want
	w.destination == m.destination
	w.type_ == m.type_
	w.options == m.options
	regex.match(replace(w.source, "$(id)", input.container_id), m.source)
}

allow_namespaces(namespaces) if {
	kinds := {n.Type | some n in namespaces}
	{"ipc", "mount", "uts"} - kinds == set()
	not "user" in kinds
	every n in namespaces { allow_path(n.Type, n.Path) }
}

allow_path(kind, path) if {
	kind != "network"
	path == ""
}

allow_path("network", "")

allow_storages(want, got) if {
	count(got) == count(want)
	every s in got {
		some w in want
		s.driver == w.driver
		s.fstype == w.fstype
		s.options == w.options
		s.mount_point == replace(w.mount_point, "$(id)", input.container_id)
		not contains(s.source, "..")
		allow_group(s.fs_group)
	}
}

allow_group(group) if is_null(group)

allow_group(group) if group.group_id == policy_data.common.group

StartContainerRequest := {"allowed": true, "ops": [{"op": "replace", "path": sprintf("/pstate/%s/started", [input.container_id]), "value": true}]} if {
	data.pstate[input.container_id].started == false
}

default RemoveContainerRequest := false

RemoveContainerRequest := {"allowed": true, "ops": [{"op": "remove", "path": sprintf("/pstate/%s", [input.container_id])}]} if {
	known(input.container_id)
}

# --- processes

ExecProcessRequest if {
	index := data.pstate[input.container_id].index
	c := policy_data.containers[index]
	input.string_user == null
	allow_command(c, input.process.Args)
	input.process.Cwd == c.process.Cwd
	allow_environment(c.process.Env, input.process.Env)
	allow_capabilities(c.process.Capabilities, input.process.Capabilities)
	not input.process.SelinuxLabel != ""
}

allow_command(c, args) if {
	some command in c.commands
	print("command", command)
	command == args
}

allow_command(c, args) if {
	some pattern in c.patterns
	regex.match(pattern, concat(" ", args))
}

SignalProcessRequest if {
	known(input.container_id)
	input.signal in {9, 15}
}

WriteStreamRequest if input.container_id in {c.name | some c in policy_data.containers; c.input}

CloseStdinRequest := WriteStreamRequest

# --- the pod

CreateSandboxRequest if {
	count(input.guest_hook_path) == 0
	count(input.kernel_modules) == 0
	not input.sandbox_pidns
	every s in input.storages {
		s.driver in {"ephemeral", "virtio-fs"}
		startswith(s.mount_point, "/run/kata-containers/")
	}
}

UpdateInterfaceRequest if {
	i := input.interface
	not i.name == "lo"
	bits.and(i.raw_flags, 256) == 0
	every a in i.IPAddresses { a.mask == "24" }
}

UpdateRoutesRequest if {
	every r in input.routes.Routes {
		not regex.match("^127\\.", r.source)
		not r.device in {"lo", "docker0"}
	}
}

AddARPNeighborsRequest if {
	every n in input.neighbors.ARPNeighbors {
		not n.device == "lo"
		n.state == 128
	}
}

CopyFileRequest if {
	regex.match("^/run/kata-containers/shared/containers/[A-Za-z0-9_./-]+$", input.path)
	not contains(input.path, "..")
	allow_file(input.file_type)
}

allow_file("Regular") if input.file_size <= 1048576

allow_file("Directory")

allow_file("Symlink") if {
	not startswith(input.symlink_target, "/")
	not contains(input.symlink_target, "..")
}

SetPolicyRequest if base64url.encode(substring(input.policy, 0, 3)) == "I29r"
