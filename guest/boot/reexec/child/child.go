// SPDX-License-Identifier: Apache-2.0

package child

// The word and the variable with which libcontainer executes the program again.
const (
	word     = "init"
	variable = "_LIBCONTAINER_INITPIPE="
)

// Is tells it by the program's arguments and environment. libcontainer keeps such a process for good.
func Is(args, environ []string) bool {
	if len(args) < 2 || args[1] != word {
		return false
	}
	for _, v := range environ {
		if len(v) >= len(variable) && v[:len(variable)] == variable {
			return len(v) > len(variable) // of several the first counts, as for os.Getenv
		}
	}
	return false
}
