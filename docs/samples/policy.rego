# SPDX-License-Identifier: Apache-2.0
#
# A policy that lets a pod run, and in its containers no other commands than two. docs/policy.md
# explains it.
package agent_policy

# Every request that has no rule here fails. These are what a pod's life needs.
CreateSandboxRequest := true

DestroySandboxRequest := true

GuestDetailsRequest := true

OnlineCPUMemRequest := true

GetOOMEventRequest := true

StartContainerRequest := true

RemoveContainerRequest := true

WaitProcessRequest := true

SignalProcessRequest := true

StatsContainerRequest := true

ReadStreamRequest := true

WriteStreamRequest := true

CloseStdinRequest := true

TtyWinResizeRequest := true

GetDiagnosticDataRequest := true

# Containers may not have more privileges than these. The first three are counted in the state.
default CreateContainerRequest := false

CreateContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/containers", "value": count + 1}]} if {
	print("container", input.container_id, "wants", input.OCI.Process.Capabilities.Effective)
	every c in input.OCI.Process.Capabilities.Effective {
		c in {"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	}
	count < 3
}

count := object.get(data.pstate, "containers", 0)

# Commands that may be started in a container.
default ExecProcessRequest := false

ExecProcessRequest if {
	print("command", input.process.Args)
	input.process.Args in [["cat", "/etc/os-release"], ["ps"]]
}

# The policy may be replaced by one that does not allow that again.
default SetPolicyRequest := false

SetPolicyRequest if not contains(input.policy, "SetPolicyRequest")
