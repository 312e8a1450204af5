// SPDX-License-Identifier: Apache-2.0

package volume

// SetRemoveMapping replaces the kernel where mappings are removed.
func (d *Drivers) SetRemoveMapping(remove func(name string) error) { d.removeMapping = remove }
