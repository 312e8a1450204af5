// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package early

import (
	_ "unsafe" // for linkname

	"github.com/kata-containers/kata-agent/guest/boot/reexec/child"
)

// task is what Go's runtime keeps of a package that has something to initialise (runtime.initTask), as far
// as its state. Behind that lie its functions.
type task struct{ state uint32 }

// The states of a task that matter here.
const (
	waiting = 0
	done    = 2
)

// count is the length of the table in leftout.s.
const count = 20

// table are the tasks of the packages that are left out.
func table() *[count]*task

//go:linkname runtimeArgs os.runtime_args
func runtimeArgs() []string

//go:linkname runtimeEnviron syscall.runtime_envs
func runtimeEnviron() []string

func init() {
	if !child.Is(runtimeArgs(), runtimeEnviron()) {
		return
	}
	for _, t := range table() {
		if t.state == waiting {
			t.state = done
		}
	}
}
