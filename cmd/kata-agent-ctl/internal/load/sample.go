// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A Sample is what the agent's processes have at one moment. Pages of files are not counted: the
// kernel drops them when it likes.
type Sample struct {
	T           float64 `json:"t"`        // seconds since the start of the loads
	AnonKiB     int64   `json:"anon_kib"` // RssAnon
	ShmemKiB    int64   `json:"shmem_kib"`
	CPUSeconds  float64 `json:"cpu_s"` // used so far
	Threads     int     `json:"threads"`
	Descriptors int     `json:"descriptors"`
	Processes   int     `json:"processes"`
	Goroutines  int     `json:"goroutines,omitempty"` // by the agent's own account, if it is asked
}

// MemoryKiB is anonymous and shared memory together.
func (s Sample) MemoryKiB() int64 { return s.AnonKiB + s.ShmemKiB }

// clockTick is USER_HZ, the unit of times in /proc/<pid>/stat: 100 on every Linux.
const clockTick = 100

// A Sampler looks at an agent's process and at those of its children that run the same program. All
// others are containers' processes.
type Sampler struct {
	Root string // of proc(5), "/proc"
	pid  int
	exe  identity
	// others are children that are known to run another program; nothing execs the agent's.
	others map[int]bool
}

type identity struct{ dev, ino uint64 }

// NewSampler watches the process pid.
func NewSampler(root string, pid int) (*Sampler, error) {
	s := &Sampler{Root: root, pid: pid, others: map[int]bool{}}
	exe, err := s.identify(pid)
	if err != nil {
		return nil, fmt.Errorf("agent's process %d: %w", pid, err)
	}
	s.exe = exe
	return s, nil
}

// Sample looks now. T is left to the caller.
func (s *Sampler) Sample() (Sample, error) {
	var out Sample
	for _, pid := range s.family() {
		if err := s.add(&out, pid); err != nil {
			if pid == s.pid {
				return out, fmt.Errorf("agent's process %d: %w", pid, err)
			}
			continue // a helper that has just ended
		}
		out.Processes++
	}
	return out, nil
}

func (s *Sampler) path(pid int, name string) string {
	return s.Root + "/" + strconv.Itoa(pid) + "/" + name
}

func (s *Sampler) identify(pid int) (identity, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(s.path(pid, "exe"), &st); err != nil {
		return identity{}, err
	}
	return identity{st.Dev, st.Ino}, nil
}

// family is the agent and its helpers.
func (s *Sampler) family() []int {
	pids := []int{s.pid}
	seen := map[int]bool{}
	threads, _ := names(s.path(s.pid, "task"))
	for _, tid := range threads {
		list, _ := os.ReadFile(s.path(s.pid, "task/"+tid+"/children"))
		for _, text := range strings.Fields(string(list)) {
			pid, err := strconv.Atoi(text)
			if err != nil || s.others[pid] {
				seen[pid] = true
				continue
			}
			exe, err := s.identify(pid)
			if err != nil {
				continue
			}
			if exe == s.exe {
				pids = append(pids, pid)
			} else {
				seen[pid] = true
			}
		}
	}
	s.others = seen // forgets those that have ended: their numbers come again
	return pids
}

func (s *Sampler) add(out *Sample, pid int) error {
	status, err := os.ReadFile(s.path(pid, "status"))
	if err != nil {
		return err
	}
	for line := range bytes.Lines(status) {
		key, rest, _ := bytes.Cut(line, []byte(":"))
		var to *int64
		var threads int64
		switch string(key) {
		case "RssAnon":
			to = &out.AnonKiB
		case "RssShmem":
			to = &out.ShmemKiB
		case "Threads":
			to = &threads
		default:
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return fmt.Errorf("status: %s has no value", key)
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return fmt.Errorf("status: %w", err)
		}
		*to += n
		out.Threads += int(threads)
	}
	cpu, err := s.cpu(pid)
	if err != nil {
		return err
	}
	out.CPUSeconds += cpu
	fds, err := names(s.path(pid, "fd"))
	out.Descriptors += len(fds)
	return err
}

// cpu is user and system time; that of children is not in it.
func (s *Sampler) cpu(pid int) (float64, error) {
	stat, err := os.ReadFile(s.path(pid, "stat"))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold anything, blanks too.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const utime, stime = 11, 12 // fields 14 and 15 of proc_pid_stat(5), counted from the state
	if len(fields) <= stime {
		return 0, errors.New("stat: too short")
	}
	u, err1 := strconv.ParseInt(string(fields[utime]), 10, 64)
	k, err2 := strconv.ParseInt(string(fields[stime]), 10, 64)
	return float64(u+k) / clockTick, errors.Join(err1, err2)
}

// names are those in a directory, in no order: a directory of many descriptors is not sorted.
func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	list, err := d.Readdirnames(-1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return list, err
}
