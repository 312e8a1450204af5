// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) < 2 {
		os.Args = append(os.Args, "overwrite") // as the interpreter of a script it has other arguments
	}
	switch os.Args[1] {
	case "connect":
		connect(os.Args[2])
	case "hunt":
		hunt(untilStdinEnds())
	case "exchange":
		exchange(untilStdinEnds(), os.Args[2], os.Args[3])
	default:
		overwrite("/proc/self/exe", "itself")
	}
	fmt.Println("tried")
}

// reached says what ought to be out of reach.
func reached(format string, args ...any) { fmt.Printf("REACHED "+format+"\n", args...) }

// untilStdinEnds is true from then on.
func untilStdinEnds() *atomic.Bool {
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended.Store(true)
	}()
	return &ended
}

// connect calls grpc.Health/Check, as a ttRPC frame.
func connect(socket string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Println("cannot connect:", err)
		return
	}
	defer conn.Close()
	fmt.Println("connected")
	body := "\x0a\x0bgrpc.Health\x12\x05Check"
	_, _ = conn.Write([]byte("\x00\x00\x00" + string(rune(len(body))) + "\x00\x00\x00\x01\x01\x00" + body))
	if n, _ := conn.Read(make([]byte, 64)); n > 0 {
		reached("the agent, which has answered %d bytes", n)
	}
}

// exchange goes on until it is told to end.
func exchange(ended *atomic.Bool, a, b string) {
	fmt.Println("begins")
	for !ended.Load() {
		if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
			fmt.Println("cannot exchange:", err)
			return
		}
	}
}

// overwrite tries to write to a program through its link in /proc, at once and when whoever runs it
// has ended or become another program.
func overwrite(link, what string) {
	for _, flags := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC} {
		if f, err := os.OpenFile(link, flags, 0); err == nil {
			reached("%s for writing", what)
			f.Close()
		}
	}
	f, err := os.Open(link)
	if err != nil {
		return
	}
	defer f.Close()
	again := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if w, err := os.OpenFile(again, os.O_WRONLY, 0); err == nil {
		reached("%s for writing, by a descriptor", what)
		w.Close()
	}
	if err := unix.Mount("", again, "", unix.MS_REMOUNT|unix.MS_BIND, ""); err == nil {
		reached("the mount of %s", what)
	}
}

// hunt reaches for every process that does not yet run a program of its container.
func hunt(ended *atomic.Bool) {
	fmt.Println("begins")
	seen := map[string]bool{}
	for !ended.Load() {
		for _, pid := range unborn() {
			if !seen[pid] {
				seen[pid] = true
				fmt.Println("seen") // the hunt has found its game
			}
			reachFor("/proc/" + pid)
		}
	}
}

// unborn are the processes of libcontainer's and the spawn helper's.
func unborn() (pids []string) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, pid := range names {
		if pid[0] < '0' || pid[0] > '9' {
			continue
		}
		if isUnborn(name("/proc/" + pid)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// name is that of a process, as the kernel has it.
func name(proc string) string {
	comm, _ := os.ReadFile(proc + "/comm")
	return strings.TrimSpace(string(comm))
}

func isUnborn(name string) bool {
	return strings.HasPrefix(name, "runc:") || strings.HasPrefix(name, "kata-")
}

// reachFor tries what a debugger could do. A process that has become the container's program
// meanwhile may be reached, so the name is looked at again afterwards.
func reachFor(proc string) {
	before := name(proc)
	for _, file := range []string{"environ", "maps", "mem", "fd/0", "fd/3", "fd/4"} {
		f, err := os.Open(proc + "/" + file)
		if err != nil {
			continue
		}
		if isUnborn(before) && name(proc) == before {
			reached("%s of %s", file, before)
		}
		f.Close()
	}
	if isUnborn(before) {
		overwrite(proc+"/exe", before)
	}
}
