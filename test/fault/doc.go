// SPDX-License-Identifier: Apache-2.0

// Package fault tests the agent against what goes wrong around it: hooks that hang or
// fail, hosts that go away, devices that never come, helpers that die, containers that
// fight back. What a fault leaves behind is compared with what was there before.
package fault
