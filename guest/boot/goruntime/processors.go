// SPDX-License-Identifier: Apache-2.0

package goruntime

import (
	"os"
	"runtime"
	"sync"
)

// leastProcessors is how many goroutines may run at once, however few CPUs there are.
//
// A goroutine in a system call keeps its place until Go's monitor takes it away, after 20
// microseconds at best and 10 milliseconds at worst. libcontainer's calls block for
// milliseconds, six or so for each container, and most guests have one CPU: with a single
// place an exec session would wait for each of them.
const leastProcessors = 2

// given is set when GOMAXPROCS stood in the environment at the start: it is obeyed.
var given = os.Getenv("GOMAXPROCS") != ""

var processors sync.Mutex

// Processors sets how many goroutines run at once, to be called at the start and again when
// CPUs have come: as many as there are CPUs, which Go follows by itself, and at least two.
func Processors() {
	if given {
		return
	}
	processors.Lock()
	defer processors.Unlock()
	runtime.SetDefaultGOMAXPROCS()
	if runtime.GOMAXPROCS(0) < leastProcessors {
		runtime.GOMAXPROCS(leastProcessors)
	}
}
