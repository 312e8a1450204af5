// SPDX-License-Identifier: Apache-2.0

// Package keeper is what an agent that is the guest's init leaves to the next one when it dies: the
// connections with the host, which requests on them have no answer, and how processes ended meanwhile.
//
// It lies in memory that the init in front (guest/boot/pid1) has mapped before it forked, and in the queue
// of a socket pair of which init holds both ends: neither goes with the agent. A descriptor that is
// under way in a socket stays open (unix(7), SCM_RIGHTS), so the host's connection does too.
//
// A connection can only be gone on with if it was quiet at the moment of death: no byte of the host's in the
// agent's memory alone, no answer on its way. One that was not is closed, and the host sees that.
//
// It owns the memory's layout, but for the first page, which guest/boot/pid1 shares (kept.h). The methods may
// be called from any goroutine and do not block. It logs nothing.
package keeper
