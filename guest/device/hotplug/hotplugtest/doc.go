// SPDX-License-Identifier: Apache-2.0

// Package hotplugtest stands in for the kernel in tests: a source of events, and devices
// in a directory that looks like sysfs. Only tests may import it.
package hotplugtest
