// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// start is PID 1 until the program under test takes its place.
func start() error {
	plan, err := readPlan()
	if err != nil {
		return err
	}
	for _, m := range plan.Modules {
		if err := loadModule(m); err != nil {
			return err
		}
	}
	var port *os.File
	if plan.Bridge {
		if port, err = openPort(wire.PortName); err != nil {
			return err
		}
	}
	if plan.Root != nil {
		if err := switchRoot(*plan.Root); err != nil {
			return err
		}
	}
	if err := startHelper(plan, port); err != nil {
		return err
	}
	// The arguments and the environment are the kernel's: the program under
	// test gets them as if it had been /init.
	argv, path := os.Args, plan.Init
	if path == "" {
		argv, path = []string{"lab-standin"}, wire.GuestPath
	}
	return fmt.Errorf("exec %s: %w", path, syscall.Exec(path, argv, os.Environ()))
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", path, err)
	}
	return nil
}

// protect takes a process out of the OOM killer's choice.
func protect(pid int) error {
	if err := mountOn("/lab/proc", "proc"); err != nil {
		return err
	}
	defer unix.Unmount("/lab/proc", unix.MNT_DETACH)
	return os.WriteFile(fmt.Sprintf("/lab/proc/%d/oom_score_adj", pid), []byte("-1000"), 0)
}

// startHelper hands plan over on descriptor 3 and the port on 4. The helper
// is in a session of its own: the console's terminal is the agent's.
func startHelper(plan wire.Plan, port *os.File) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr, r}
	if port != nil {
		defer port.Close()
		files = append(files, port)
	}
	p, err := os.StartProcess(wire.GuestPath, []string{"lab-helper"}, &os.ProcAttr{
		Env:   []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TERM=linux"},
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start helper: %w", err)
	}
	if plan.Protected {
		err = protect(p.Pid)
	}
	p.Release()
	if err != nil {
		return err
	}
	err = json.NewEncoder(w).Encode(plan)
	return errors.Join(err, w.Close())
}
