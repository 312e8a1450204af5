// SPDX-License-Identifier: Apache-2.0

package runtime

// InitWay says by what the first process of a container is made.
type InitWay int

const (
	// InitLibcontainer has libcontainer make every container's init.
	InitLibcontainer InitWay = iota
	// InitDirect has the resident helper make the init of a plain container, in C and without Go in its
	// way. A container that is not plain goes by libcontainer: Container.Way says why.
	InitDirect
)

// The ways that Container.Way names.
const (
	WayLibcontainer = "libcontainer"
	WayDirect       = "direct"
)

// Way tells by what the container's init was made, WayDirect or WayLibcontainer, and the reason if
// it was not made directly although Options.Init asked for that; else "".
func (c *Container) Way() (way, reason string) {
	if c.direct != nil {
		return WayDirect, ""
	}
	return WayLibcontainer, c.notPlain
}
