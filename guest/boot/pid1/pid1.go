// SPDX-License-Identifier: Apache-2.0

package pid1

// #cgo CFLAGS: -Wall -Wextra
// extern int front_started;
import "C" // the constructor in front.c does the work

// Started tells whether this process was started by the init in front of it, and is so
// the guest's first program. The Go runtime has the environment that the kernel gave to
// init, so the constructor cannot tell by a variable there.
func Started() bool { return C.front_started != 0 }
