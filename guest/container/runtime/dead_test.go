// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/system"
)

// dead writes the state of a container whose init is, or was, cmd.
func dead(t *testing.T, o Options, id string, cmd *exec.Cmd, start uint64) {
	t.Helper()
	controller := "devices"
	if cgroups.IsCgroup2UnifiedMode() {
		controller = ""
	}
	st := libcontainer.State{BaseState: libcontainer.BaseState{
		ID: id, InitProcessPid: cmd.Process.Pid, InitProcessStartTime: start,
		Config: configs.Config{
			Namespaces: configs.Namespaces{{Type: configs.NEWPID}},
			Cgroups:    &cgroups.Cgroup{Path: "/kata-test-dead/" + id, Resources: &cgroups.Resources{}},
		},
	}, CgroupPaths: map[string]string{controller: filepath.Join(o.StateRoot, "no-cgroup")}}
	data, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(o.StateRoot, id, stateFile), string(data))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestClearDead ends the container of an agent that has died, and nobody who has its number now. The
// id is free in any case.
func TestClearDead(t *testing.T) {
	o := Options{StateRoot: t.TempDir(), Proc: "/proc"}
	sleep := func() (*exec.Cmd, uint64) {
		cmd := exec.Command("sleep", "10000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // the test may have done it
		stat, err := system.Stat(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		return cmd, stat.StartTime
	}
	free := func(id string) {
		t.Helper()
		if _, err := os.Stat(filepath.Join(o.StateRoot, id)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("state of %s: %v, want none", id, err)
		}
	}
	alive, start := sleep()
	dead(t, o, "c1", alive, start)
	if err := ClearDead(t.Context(), o, "c1"); err != nil {
		t.Fatal(err)
	}
	free("c1")
	err := alive.Wait()
	if status, ok := alive.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("init has ended with %v, want SIGKILL", err)
	}

	other, start := sleep()
	dead(t, o, "c2", other, start+1)
	if err := ClearDead(t.Context(), o, "c2"); err != nil {
		t.Error(err)
	}
	free("c2")
	if err := other.Process.Signal(syscall.Signal(0)); err != nil || !runs(t, other.Process.Pid) {
		t.Errorf("a process that has init's number was killed: %v", err)
	}

	write(t, filepath.Join(o.StateRoot, "begun", execFifo), "")
	if err := ClearDead(t.Context(), o, "begun"); err != nil {
		t.Error(err)
	}
	free("begun")
	write(t, filepath.Join(o.StateRoot, "torn", stateFile), "{")
	if err := ClearDead(t.Context(), o, "torn"); err == nil || !strings.Contains(err.Error(), `"torn"`) {
		t.Errorf("a torn state: %v, want an error that names the container", err)
	}
	free("torn")
}

func runs(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := system.Stat(pid)
	return err == nil && stat.State != system.Zombie
}
