// SPDX-License-Identifier: Apache-2.0

package online

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// The pauses between two looks for a CPU, which doubles from the first to the last. One
// that was just plugged in shows up within some ten milliseconds.
const (
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// CPUTimeout is how long a host waits for CPUs: ask for no more.
const CPUTimeout = 5 * time.Second

// ErrCPUs is returned when there are not as many CPUs as asked for.
var ErrCPUs = errors.New("not enough CPUs")

// CPUs brings CPUs online until there are total of them. It waits for those that are still
// being plugged in, for [CPUTimeout] or until ctx ends. sysRoot is "/sys".
func CPUs(ctx context.Context, sysRoot string, total int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, CPUTimeout, ErrCPUs)
	defer cancel()
	var last error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		online, err := cgroup.OnlineCPUs(sysRoot)
		if err != nil {
			return err
		}
		missing := total - online.Len()
		if missing <= 0 {
			return nil
		}
		if err := bringUp(sysRoot, missing); err != nil {
			last = err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return tooFew(context.Cause(ctx), total, online.Len(), last)
		}
	}
}

func tooFew(cause error, total, online int, last error) error {
	err := fmt.Errorf("online cpus: failed to online %d CPU(s): %d are online: %w", total, online, cause)
	if last != nil {
		err = fmt.Errorf("%w (%w)", err, last)
	}
	return err
}

// bringUp sets up to count CPUs online.
func bringUp(sysRoot string, count int) error {
	dir := filepath.Join(sysRoot, "devices/system/cpu")
	names, err := sysfs.Names(dir)
	for _, name := range names {
		if count == 0 {
			break
		}
		if !numbered(name, "cpu") {
			continue
		}
		file := filepath.Join(dir, name, "online")
		if state, readErr := sysfs.Read(file); readErr != nil || state != "0" {
			continue // the first CPU has no such file
		}
		count--
		if writeErr := sysfs.Write(file, "1"); writeErr != nil {
			err = errors.Join(err, writeErr)
		}
	}
	return err
}

// numbered tells whether name is prefix and a decimal number.
func numbered(name, prefix string) bool {
	digits, ok := strings.CutPrefix(name, prefix)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
