// SPDX-License-Identifier: Apache-2.0

package core

import "strings"

// StepKind is a kind of work that may take long: what the live view shows, what a span is recorded
// of, and where a test can put a fault. The list is closed: StepKinds.
type StepKind uint8

// The kinds of steps. Each is described in StepKinds.
const (
	StepNone StepKind = iota
	StepQueued
	StepSandbox
	StepModule
	StepNamespaces
	StepDNS
	StepCreate
	StepStart
	StepPause
	StepResume
	StepUpdate
	StepRemove
	StepKill
	StepStats
	StepDevices
	StepDeviceWait
	StepCDI
	StepMount
	StepUnmount
	StepBundle
	StepPull
	StepUnseal
	StepSharedMount
	StepPassedStreams
	StepRuntimeCreate
	StepRuntimeStart
	StepRuntimeDestroy
	StepPrestartHook
	StepCreateRuntimeHook
	StepPoststartHook
	StepPoststopHook
	StepSpawn
	StepNetwork
	StepOnline
	stepCount // how many there are
)

// StepInfo describes a kind of steps.
type StepInfo struct {
	Kind StepKind
	// Name stands before the object of a step in the live view, in warnings and in metrics, and
	// names its span.
	Name string
	// Object says what an object of such a step is, "" if there is none.
	Object string
	// Does says what is done.
	Does string
	// Outer steps consist of others: no warning is given for one while one of those runs.
	Outer bool
	// Long steps take long in a healthy guest, too: that they do is no warning.
	Long bool
	// Request steps are all that a request is. They have no span: the request has one.
	Request bool
}

// stepTable is the list, by kind.
var stepTable = [stepCount]StepInfo{
	StepNone:              {Name: "none"},
	StepQueued:            {Name: "queued", Object: "operation", Does: "a request waits for an actor, whose operation before it is named"},
	StepSandbox:           {Name: "create sandbox", Does: "CreateSandbox in the guest", Outer: true, Request: true},
	StepModule:            {Name: "modprobe", Object: "module", Does: "a kernel module is loaded"},
	StepNamespaces:        {Name: "sandbox namespaces", Does: "the namespaces that containers share are made"},
	StepDNS:               {Name: "resolv.conf", Does: "the sandbox's resolv.conf is written"},
	StepCreate:            {Name: "create", Does: "all that CreateContainer does beside the mailbox", Outer: true, Request: true},
	StepStart:             {Name: "start", Does: "all that StartContainer does beside the mailbox", Outer: true, Request: true},
	StepPause:             {Name: "pause", Does: "the container's cgroup is frozen", Request: true},
	StepResume:            {Name: "resume", Does: "the container's cgroup is thawed", Request: true},
	StepUpdate:            {Name: "update", Does: "limits of the container's cgroup are written", Request: true},
	StepRemove:            {Name: "remove", Does: "what is left of a container is taken away, whoever has asked for it", Outer: true, Request: true},
	StepKill:              {Name: "kill", Does: "all processes of the container are killed"},
	StepStats:             {Name: "stats", Does: "the container's cgroups are read", Request: true},
	StepDevices:           {Name: "devices", Does: "the container's devices are put into its spec", Outer: true},
	StepDeviceWait:        {Name: "device wait", Object: "device", Does: "a device is waited for that the host plugs in"},
	StepCDI:               {Name: "CDI", Does: "CDI specifications are waited for and applied"},
	StepMount:             {Name: "mount", Object: "mount point", Does: "a storage is put in place by its driver", Outer: true},
	StepUnmount:           {Name: "unmount", Object: "mount point", Does: "a storage is taken away"},
	StepBundle:            {Name: "bundle", Does: "the bundle is made, with config.json and rootfs"},
	StepPull:              {Name: "image pull", Object: "image", Does: "the Confidential Data Hub fetches an image", Long: true},
	StepUnseal:            {Name: "unseal", Does: "sealed secrets are looked for, and unsealed by the Confidential Data Hub"},
	StepSharedMount:       {Name: "shared mount", Object: "name", Does: "a mount of another container is waited for"},
	StepPassedStreams:     {Name: "passed streams", Does: "the host's connections for standard streams are waited for"},
	StepRuntimeCreate:     {Name: "libcontainer create", Object: "createContainer hooks", Does: "libcontainer makes the container up to its waiting init", Outer: true},
	StepRuntimeStart:      {Name: "libcontainer start", Does: "init is let go and executes the program", Outer: true},
	StepRuntimeDestroy:    {Name: "libcontainer destroy", Does: "processes, cgroup and state of the container are removed", Outer: true},
	StepPrestartHook:      {Name: "prestart hook", Object: "path", Does: "an OCI hook runs"},
	StepCreateRuntimeHook: {Name: "createRuntime hook", Object: "path", Does: "an OCI hook runs"},
	StepPoststartHook:     {Name: "poststart hook", Object: "path", Does: "an OCI hook runs"},
	StepPoststopHook:      {Name: "poststop hook", Object: "path", Does: "an OCI hook runs"},
	StepSpawn:             {Name: "spawn", Object: "exec id", Does: "the process of a session is started"},
	StepNetwork:           {Name: "network", Object: "change", Does: "links, routes, neighbours or rules are changed"},
	StepOnline:            {Name: "online", Does: "CPUs and memory are waited for and brought online", Outer: true},
}

// StepKinds lists the kinds of steps.
func StepKinds() []StepInfo {
	all := make([]StepInfo, 0, stepCount-1)
	for k := StepNone + 1; k < stepCount; k++ {
		i := stepTable[k]
		i.Kind = k
		all = append(all, i)
	}
	return all
}

// String is the name of the kind.
func (k StepKind) String() string { return stepTable[k%stepCount].Name }

// Outer steps consist of others.
func (k StepKind) Outer() bool { return stepTable[k%stepCount].Outer }

// Object says what an object of such a step is, "" if there is none.
func (k StepKind) Object() string { return stepTable[k%stepCount].Object }

// Point is the kind in the names of failpoints, "<point>.before" and "<point>.after": its name with
// hyphens between the words.
func (k StepKind) Point() string { return strings.ReplaceAll(k.String(), " ", "-") }
