// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer/system"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
)

// Note writes down in a directory, which it makes, that a component runs, for the agent that comes after one
// that dies.
func Note(dir, id string, r *Running) error {
	stat, err := system.Stat(r.pid)
	if err != nil {
		return fmt.Errorf("note %s: %w", id, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("note %s: %w", id, err)
	}
	text := fmt.Sprintf("%d %d\n", r.pid, stat.StartTime)
	note := filepath.Join(dir, filepath.Base(id))
	if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
		_ = os.Remove(note) // half of it, or none
		return fmt.Errorf("note %s: %w", id, err)
	}
	return nil
}

// ClearDead kills the components that an agent has left which died, by its notes, and removes these. It waits
// for the ends until ctx ends. A number that belongs to another process by now is left alone.
func ClearDead(ctx context.Context, dir string) (killed []string, _ error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	errs := []error{err}
	for _, e := range entries {
		ended, err := clearOne(ctx, filepath.Join(dir, e.Name()))
		if err != nil {
			errs = append(errs, fmt.Errorf("component %s: %w", e.Name(), err))
		} else if ended {
			killed = append(killed, e.Name())
		}
	}
	return killed, errors.Join(append(errs, os.RemoveAll(dir))...)
}

func clearOne(ctx context.Context, note string) (killed bool, _ error) {
	text, err := os.ReadFile(note)
	if err != nil {
		return false, err
	}
	number, start, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	pid, err := strconv.Atoi(number)
	if err != nil || pid <= 1 {
		return false, errors.New("its note cannot be read")
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	file, err := pollable(fd, pid)
	if err != nil {
		return false, err
	}
	defer file.Close()
	// The number may belong to another process by now.
	if stat, err := system.Stat(pid); err != nil || strconv.FormatUint(stat.StartTime, 10) != start {
		return false, nil
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // its own group
	if err := pidfd.Send(file, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return false, err
	}
	return true, awaitReadable(ctx, file)
}
