// SPDX-License-Identifier: Apache-2.0

package wire

const (
	// PlanPath is where the guest finds its Plan.
	PlanPath = "/lab/plan.json"
	// GuestPath is the guest program itself, also after a change of root.
	GuestPath = "/lab/guest"
	// PortName is the virtio-serial port that carries the mux.
	PortName = "kata.lab.mux"
	// CommandPort is the vsock port of the command service.
	CommandPort = 5901
	// EchoPort is where the stand-in for an agent echoes, the agent's own port.
	EchoPort = 1024
)

// Plan tells the guest's first program what to do before it execs Init.
type Plan struct {
	// Modules are paths in the initramfs, in load order.
	Modules []string
	// Bridge asks for the mux over virtio-serial in place of a vsock device.
	Bridge bool
	// HostPorts are vsock ports the bridge carries from the guest to the host.
	HostPorts []uint32
	// Root replaces the initramfs before Init where it is set.
	Root *Mount
	// Protected takes the helper out of the OOM killer's choice; what it runs is in it.
	Protected bool
	// Init is the program to exec as PID 1, in the root it will have.
	Init string
}

// Mount is the real root file system, mounted over the initramfs. A tmpfs is
// filled with what is in the initramfs.
type Mount struct {
	Source, Type, Options string
}

// Command is one request to the command service: a program to run in the
// guest as root, beside the agent. The connection's end kills it.
type Command struct {
	Argv  []string
	Stdin []byte
}

// Result is the answer to a Command.
type Result struct {
	Stdout, Stderr []byte
	// Code is the exit status, 128 plus the signal's number after a signal.
	Code int
	// Error says why the program could not run at all.
	Error string
}
