// SPDX-License-Identifier: Apache-2.0

// Package reexec is the entry of the children that libcontainer makes of the
// agent's own binary, and the one place of the agent that works in init().
//
// Every start of a container runs this binary again with the argument "init";
// importing this package makes that run enter libcontainer and never return.
// It must be imported by main, and by nothing that does work of its own.
package reexec
