// SPDX-License-Identifier: Apache-2.0

package runtime

// direct is what there is of a container whose init the resident helper makes.
type direct struct{}

// planDirect plans to make init directly, or says why it has to go by libcontainer.
func (c *Container) planDirect() (d *direct, reason string) {
	if c.options.Init != InitDirect {
		return nil, ""
	}
	if _, ok := c.options.Spawn.(stager); !ok {
		return nil, "there is no helper"
	}
	return nil, "not made directly so far"
}
