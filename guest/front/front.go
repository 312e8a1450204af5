// SPDX-License-Identifier: Apache-2.0

package front

// #cgo CFLAGS: -Wall -Wextra
import "C" // the constructor in front.c does the work

import (
	"os"
	"strconv"
)

// startedBy names the variable that the init sets for the agent.
const startedBy = "KATA_AGENT_INIT_PID"

// Started tells whether this process was started by the init in front of it, and is so
// the guest's first program. The variable is for the agent only: it is taken out of the
// environment.
func Started() bool {
	pid, err := strconv.Atoi(os.Getenv(startedBy))
	_ = os.Unsetenv(startedBy)
	return err == nil && pid == os.Getppid()
}
