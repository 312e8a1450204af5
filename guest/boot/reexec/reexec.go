// SPDX-License-Identifier: Apache-2.0

package reexec

import (
	"os"
	"runtime"

	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // the C constructor that joins namespaces before Go boots
	"golang.org/x/sys/unix"
)

// initArgument is the word with which libcontainer re-executes the binary.
const initArgument = "init"

func init() {
	// The main goroutine keeps the main thread for good: a goroutine that ends
	// while locked takes its thread with it, and if that were the main thread,
	// /proc/self would show whatever namespaces that goroutine had joined.
	runtime.LockOSThread()
	if len(os.Args) > 1 && os.Args[1] == initArgument && os.Getenv("_LIBCONTAINER_INITPIPE") != "" {
		runtime.GOMAXPROCS(1)
		ownSettings()
		libcontainer.Init()
	}
}

// timerSlack is what every process has by default, in nanoseconds.
const timerSlack = 50_000

// ownSettings gives the container's program back what guest/boot/pid1 sets in every start of this
// binary, huge pages and exact timers: both settings would outlive the execve (prctl(2),
// PR_SET_THP_DISABLE and PR_SET_TIMERSLACK).
func ownSettings() {
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0)
}
