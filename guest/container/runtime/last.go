// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/container/seccomp"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// libcontainer's init is a Go program with threads. What is meant for the container's program
// hits it: a seccomp filter that kills a thread leaves it half dead, a low limit of
// descriptors, processes or memory breaks it, a small share of CPU holds it up for seconds.
// So libcontainer is given none of these. What its init executes is a last stage, a single
// thread in C that waits in its place for the start (nsexec.LastStage): the cgroup's limits
// are set while it waits, its own and the filter just before it executes the program.

// stager is a Spawner that has last stages.
type stager interface {
	LastStage() (*nsexec.LastStage, error)
}

// LastStage makes a last stage for the first process of a container.
func (s sessions) LastStage() (*nsexec.LastStage, error) { return s.helper.LastStage() }

// stage gives the container's init a last stage, if it can have one, and returns what
// libcontainer is to be told of the container in place of config.
func (c *Container) stage(config *configs.Config) (*configs.Config, error) {
	s, ok := c.options.Spawn.(stager)
	if !ok || !needsStage(config) || !c.stageable() {
		return config, nil
	}
	last, err := s.LastStage()
	if errors.Is(err, nsexec.ErrNotStatic) {
		return config, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last stage: %w", err)
	}
	c.last = last
	if err := c.compileFilter(); err != nil {
		return nil, err
	}
	bare := *config
	bare.Seccomp, bare.Rlimits, bare.AppArmorProfile, bare.ProcessLabel = nil, nil, "", ""
	bare.Capabilities, bare.NoNewPrivileges = nil, false
	group := *config.Cgroups
	group.Resources = withoutProgramLimits(group.Resources)
	bare.Cgroups = &group
	return &bare, nil
}

// compileFilter compiles the container's seccomp profile, if it has one and that is not done yet.
func (c *Container) compileFilter() (err error) {
	if c.config.Seccomp != nil && c.filter == nil {
		c.filter, err = seccomp.Compile(c.config.Seccomp)
	}
	return err
}

// withoutProgramLimits is a copy without what setLastLimits sets.
func withoutProgramLimits(all *cgroups.Resources) *cgroups.Resources {
	r := *all
	r.CpuQuota, r.CpuBurst, r.Memory, r.MemorySwap = 0, nil, 0, 0
	r.PidsLimit, r.Unified = nil, maps.Clone(r.Unified)
	for _, file := range programFiles {
		delete(r.Unified, file)
	}
	return &r
}

// What libcontainer's init is sure to have room in: it has ten threads and descriptors, 20
// MiB of memory and, Go, a gigabyte of addresses. Measured, and doubled at least.
const (
	roomyMemory    = 64 << 20
	roomyPids      = 64
	roomyFiles     = 256
	roomyAddresses = 4 << 30
)

// programFiles are the files of cgroup v2 with limits that are the program's, by which a spec
// may set them without the words for them (unified, in OCI's config-linux.md).
var programFiles = []string{"cpu.max", "memory.max", "memory.high", "pids.max"}

// limited tells whether the content of such a file is a limit; "max" is none.
func limited(content string) bool {
	return content != "" && !strings.HasPrefix(strings.TrimSpace(content), "max")
}

// cpuPeriod is in microseconds; the kernel's own is a tenth of a second.
func cpuPeriod(r *cgroups.Resources) uint64 {
	if r.CpuPeriod == 0 {
		return 100_000
	}
	return r.CpuPeriod
}

// needsStage tells whether something of config would hit libcontainer's init.
func needsStage(config *configs.Config) bool {
	r := config.Cgroups.Resources
	switch {
	case config.Seccomp != nil,
		r.CpuQuota > 0 && uint64(r.CpuQuota) < cpuPeriod(r),
		r.Memory > 0 && r.Memory < roomyMemory,
		r.PidsLimit != nil && *r.PidsLimit > 0 && *r.PidsLimit < roomyPids,
		slices.ContainsFunc(programFiles, func(file string) bool { return limited(r.Unified[file]) }):
		return true
	}
	return slices.ContainsFunc(config.Rlimits, func(l configs.Rlimit) bool {
		room, known := map[int]uint64{
			unix.RLIMIT_NOFILE: roomyFiles, unix.RLIMIT_NPROC: roomyPids, unix.RLIMIT_AS: roomyAddresses,
			unix.RLIMIT_DATA: roomyAddresses, unix.RLIMIT_STACK: 1 << 20, unix.RLIMIT_CPU: 10,
			unix.RLIMIT_FSIZE: 1 << 20, unix.RLIMIT_SIGPENDING: roomyPids, unix.RLIMIT_RTTIME: 1e6,
		}[l.Type]
		return known && l.Soft < room
	})
}

// stageable tells whether the container's init can have a last stage: that is executed by a
// path in /proc, and before the hooks that run at the start.
func (c *Container) stageable() bool {
	if c.hooks != nil && len(c.hooks.StartContainer) > 0 || c.config.RootlessEUID {
		return false
	}
	proc := false
	for _, m := range c.config.Mounts {
		switch {
		case filepath.Clean(m.Destination) == "/proc":
			proc = m.Device == "proc"
		case hidesProcess(m.Destination):
			return false
		}
	}
	for _, path := range append(append([]string{}, c.config.MaskPaths...), c.config.ReadonlyPaths...) {
		if hidesProcess(path) {
			return false
		}
	}
	return proc
}

// hidesProcess tells whether what is mounted on a path may hide a process in /proc.
func hidesProcess(path string) bool {
	name, below := strings.CutPrefix(filepath.Clean(path)+"/", "/proc/")
	return below && (name == "" || strings.HasPrefix(name, "self/") || strings.HasPrefix(name, "thread-self/") ||
		name[0] >= '0' && name[0] <= '9')
}

// bare leaves to libcontainer what is not the last stage's.
func (c *Container) bare(lp *libcontainer.Process) {
	none := false
	lp.Args, lp.Env, lp.ExtraFiles = c.last.Args(), []string{"HOME=/"}, c.last.Files()
	lp.UID, lp.GID, lp.AdditionalGroups, lp.Capabilities = 0, 0, nil, nil
	lp.NoNewPrivileges, lp.AppArmorProfile, lp.Label = &none, "", ""
	lp.Rlimits = raised(lp.Rlimits)
}

// raised are those limits that only the agent can give, being higher than its own.
func raised(limits []configs.Rlimit) (out []configs.Rlimit) {
	for _, l := range limits {
		var own unix.Rlimit
		if err := unix.Getrlimit(l.Type, &own); err == nil && l.Hard > own.Max {
			out = append(out, configs.Rlimit{Type: l.Type, Hard: l.Hard, Soft: own.Cur})
		}
	}
	return out
}

// enterLast tells the last stage what it is to become, and sets the limits of the cgroup then. An init that
// libcontainer has prepared goes on to that stage first; one that was made directly is there.
func (c *Container) enterLast(spec *specs.Process) error {
	r, err := c.sessionRequest(spec, Stdio{})
	if err != nil {
		return err
	}
	if err := c.last.Send(r, c.config.Namespaces.Contains(configs.NEWUSER)); err != nil {
		return err
	}
	gone, err := c.init.watch()
	if err != nil {
		return errDeadInit
	}
	defer unix.Close(gone)
	if c.direct == nil {
		if err := c.openFifo(context.Background(), gone); err != nil {
			return err
		}
	}
	if err := c.last.Ready(gone); err != nil {
		return err
	}
	return c.setLastLimits()
}

const (
	// tooLow begins the cgroup library's word for EBUSY, which it does not wrap.
	tooLow      = "unable to set memory limit to"
	chargeLook  = 10 * time.Millisecond
	chargeLooks = 20
)

// setLastLimits sets what stage has kept from libcontainer.
func (c *Container) setLastLimits() error {
	l := c.limits
	late := cgroups.Resources{
		CpuQuota: l.CpuQuota, CpuPeriod: l.CpuPeriod, CpuBurst: l.CpuBurst,
		Memory: l.Memory, MemorySwap: l.MemorySwap, PidsLimit: l.PidsLimit, SkipDevices: true,
	}
	if late.CpuQuota == 0 && late.Memory == 0 && late.MemorySwap == 0 && late.PidsLimit == nil {
		return nil
	}
	var err error
	for range chargeLooks {
		// Memory that libcontainer's init has used stays charged for a moment after it was freed.
		if err = c.cgroup.Set(&late); err == nil || late.Memory <= 0 || !strings.Contains(err.Error(), tooLow) {
			break
		}
		time.Sleep(chargeLook)
	}
	if err != nil {
		return err
	}
	if kills, err := c.cgroup.OOMKillCount(); err == nil && kills > 0 && c.init.exited() {
		return fmt.Errorf("memory limit of %d bytes is too low for the first process", l.Memory)
	}
	return nil
}

// startLast has the last stage execute the program.
func (c *Container) startLast() error {
	last := c.last
	c.last = nil
	err := last.Execute()
	c.init.staged.Store(false)
	if errors.Is(err, nsexec.ErrEnded) {
		return errDeadInit
	}
	return c.blame(err)
}

// blame names the filter when it is what keeps a program from being executed.
func (c *Container) blame(err error) error {
	var failed *nsexec.Error
	if c.filter == nil || !errors.As(err, &failed) || failed.Step != nsexec.StepExec {
		return err
	}
	if c.filter.RefusesExec() {
		return fmt.Errorf("%w: the container's seccomp profile refuses execve", err)
	}
	return err
}
