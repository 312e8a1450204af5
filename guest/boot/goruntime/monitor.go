// SPDX-License-Identifier: Apache-2.0

package goruntime

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// monitorSlack is how late the timers of Go's monitor may be.
//
// The monitor is a thread that sleeps for 20 microseconds at a time while goroutines run,
// and so does it after each request that ends an idle moment. Each of its sleeps arms a
// timer and ends in an interrupt, which in a virtual machine leaves the guest twice. What
// it is awake for, to take the place of goroutines that block in a system call or run
// long, can wait for a millisecond; see also [Processors].
const monitorSlack = time.Millisecond

// RelaxMonitor lets Go's monitor sleep longer (PR_SET_TIMERSLACK in prctl(2), here for
// another thread by proc_pid_timerslack_ns(5), Linux 4.6). procRoot is "/proc". It takes
// CAP_SYS_NICE. Threads that the monitor starts inherit it, and their children do: whoever
// starts a container's process sets it back, guest/boot/reexec and guest/container/nsexec.
func RelaxMonitor(procRoot string) error {
	thread, err := monitor(procRoot)
	if err != nil {
		return fmt.Errorf("relax Go's monitor: %w", err)
	}
	err = sysfs.Write(procRoot+"/"+thread+"/timerslack_ns", strconv.FormatInt(int64(monitorSlack), 10))
	if err != nil {
		return fmt.Errorf("relax Go's monitor: %w", err)
	}
	return nil
}

// monitor is the thread id of Go's monitor. It is the first thread that the runtime starts,
// before anything of the program itself, and never ends; the kernel lists threads by age.
func monitor(procRoot string) (string, error) {
	dir, err := os.Open(procRoot + "/self/task")
	if err != nil {
		return "", err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1) // not os.ReadDir, which sorts
	if err != nil {
		return "", err
	}
	if len(names) < 2 {
		return "", errors.New("no second thread")
	}
	return names[1], nil
}
