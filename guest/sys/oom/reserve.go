// SPDX-License-Identifier: Apache-2.0

package oom

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	// reserveName is the argv[0] and the name of the process that holds the reserve.
	reserveName = "kata-reserve"
	// reserveScore makes it the last process that the kernel kills.
	reserveScore = Last + 1
	// reserveSize is in bytes. To end a pod takes the agent less than half of it: heap that
	// was given back, stacks, and what the kernel needs for answers and unmounts.
	reserveSize = 1 << 20
	// reserveAgain is the time between two looks whether there is memory for it again.
	reserveAgain = 10 * time.Second
	// reserveRoom is how much must be available, in bytes, before the reserve is held again.
	reserveRoom = 16 * reserveSize
)

// KeepReserve holds memory that the agent needs to answer when there is no other: a process
// that the kernel kills when nobody else is left. Without it the kernel would panic in that
// case, for instance over a volume in memory that takes all there is and outlives the
// container that has filled it. A reserve that has been used is held again when there is
// memory. Where the agent is not protected there is none. It ends with ctx.
func KeepReserve(ctx context.Context, proc string) {
	if Own(proc) > Last {
		return
	}
	go func() {
		for ctx.Err() == nil {
			_ = holdReserve(ctx)
			for sleep(ctx) && available(proc) < reserveRoom {
			}
		}
	}()
}

// holdReserve runs the process until it is killed.
func holdReserve(ctx context.Context) error {
	theirs, ours, err := os.Pipe() // it ends with the agent
	if err != nil {
		return err
	}
	defer ours.Close()
	cmd := exec.CommandContext(ctx, procfs+"/self/exe")
	cmd.Args = []string{reserveName, strconv.Itoa(reserveScore), strconv.Itoa(reserveSize)}
	cmd.Env, cmd.Dir, cmd.Stdin = []string{}, "/", theirs
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	return cmd.Wait()
}

func sleep(ctx context.Context) bool {
	select {
	case <-time.After(reserveAgain):
		return true
	case <-ctx.Done():
		return false
	}
}

// available is what the kernel estimates that programs can still have, in bytes; 0 if
// that cannot be read (proc_meminfo(5), MemAvailable).
func available(proc string) uint64 {
	f, err := os.Open(filepath.Join(proc, "meminfo"))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib uint64
		if _, err := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}
