// SPDX-License-Identifier: Apache-2.0

//go:build seccomp

package seccomp

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// errListener: the protocol has no place for a listener's path.
var errListener = errors.New("SCMP_ACT_NOTIFY needs a listener, and there can be none")

// sortedCalls is from how many rules on libseccomp makes a tree of the calls and not a list,
// as in runc: version 2.5 has four to a node.
const sortedCalls = 32

// Compile makes the filter of a profile. Calls that libseccomp does not know are passed over.
func Compile(p *configs.Seccomp) (*Filter, error) {
	f, err := compile(p)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	return f, nil
}

func compile(p *configs.Seccomp) (*Filter, error) {
	otherwise, err := action(p.DefaultAction, p.DefaultErrnoRet)
	if err != nil {
		return nil, fmt.Errorf("default action: %w", err)
	}
	f, err := libseccomp.NewFilter(otherwise)
	if err != nil {
		return nil, err
	}
	defer f.Release()
	archs, err := addArchitectures(f, p.Architectures)
	if err != nil {
		return nil, err
	}
	flags, err := flags(p.Flags)
	if err != nil {
		return nil, err
	}
	if len(p.Syscalls) > sortedCalls {
		_ = f.SetOptimize(2) // an older library has lists only
	}
	for _, call := range p.Syscalls {
		if err := addRule(f, call, otherwise); err != nil {
			return nil, fmt.Errorf("system call %q: %w", call.Name, err)
		}
	}
	program, err := export(f)
	if err != nil {
		return nil, fmt.Errorf("make program: %w", err)
	}
	if !permits(p) {
		program = append(bytesOf(missing(newestCalls(p, archs))), program...)
	}
	if n := len(program) / 8; n > unix.BPF_MAXINSNS {
		return nil, fmt.Errorf("program of %d instructions, the kernel takes %d", n, unix.BPF_MAXINSNS)
	}
	return &Filter{Program: program, Flags: flags}, nil
}

// export has libseccomp write the program; only version 2.6 can hand it out in memory.
func export(f *libseccomp.ScmpFilter) ([]byte, error) {
	fd, err := unix.MemfdCreate("seccomp", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "seccomp")
	defer file.Close()
	if err := f.ExportBPF(file); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}

// permits tells whether the profile lets unknown calls through to the kernel, or says itself
// that they are missing.
func permits(p *configs.Seccomp) bool {
	switch p.DefaultAction {
	case configs.Allow, configs.Log, configs.Trace:
		return true
	}
	return p.DefaultErrnoRet != nil && *p.DefaultErrnoRet == uint(unix.ENOSYS)
}

func action(a configs.Action, errno *uint) (libseccomp.ScmpAction, error) {
	value := int16(unix.EPERM)
	if errno != nil {
		value = int16(*errno)
	}
	switch a {
	case configs.Kill, configs.KillThread:
		return libseccomp.ActKillThread, nil
	case configs.KillProcess:
		return libseccomp.ActKillProcess, nil
	case configs.Errno:
		return libseccomp.ActErrno.SetReturnCode(value), nil
	case configs.Trace:
		return libseccomp.ActTrace.SetReturnCode(value), nil
	case configs.Trap:
		return libseccomp.ActTrap, nil
	case configs.Allow:
		return libseccomp.ActAllow, nil
	case configs.Log:
		return libseccomp.ActLog, nil
	case configs.Notify:
		return libseccomp.ActInvalid, errListener
	}
	return libseccomp.ActInvalid, fmt.Errorf("unknown action %d", a)
}

// addArchitectures returns all that the filter has then: the native one always.
func addArchitectures(f *libseccomp.ScmpFilter, names []string) ([]libseccomp.ScmpArch, error) {
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return nil, err
	}
	archs := []libseccomp.ScmpArch{native}
	for _, name := range names {
		arch, err := libseccomp.GetArchFromString(name)
		if err == nil {
			err = f.AddArch(arch)
		}
		if err != nil {
			return nil, fmt.Errorf("architecture %q: %w", name, err)
		}
		archs = append(archs, arch)
	}
	return archs, nil
}

// flags are those of seccomp(2). The filter is loaded by a single thread, so TSYNC says
// nothing.
func flags(names []specs.LinuxSeccompFlag) (out uint32, err error) {
	for _, name := range names {
		switch name {
		case "SECCOMP_FILTER_FLAG_TSYNC":
		case specs.LinuxSeccompFlagLog:
			out |= unix.SECCOMP_FILTER_FLAG_LOG
		case specs.LinuxSeccompFlagSpecAllow:
			out |= unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		case specs.LinuxSeccompFlagWaitKillableRecv: // only means something with a listener
		default:
			return 0, fmt.Errorf("unknown flag %q", name)
		}
	}
	return out, nil
}

func addRule(f *libseccomp.ScmpFilter, call *configs.Syscall, otherwise libseccomp.ScmpAction) error {
	act, err := action(call.Action, call.ErrnoRet)
	if err != nil {
		return err
	}
	number, err := libseccomp.GetSyscallFromName(call.Name)
	if err != nil || act == otherwise {
		return nil //nolint:nilerr // one of another kernel, or one that changes nothing, which libseccomp refuses
	}
	if len(call.Args) == 0 {
		return f.AddRule(number, act)
	}
	var conditions []libseccomp.ScmpCondition
	seen, twice := map[uint]bool{}, false
	for _, arg := range call.Args {
		c, err := condition(arg)
		if err != nil {
			return err
		}
		twice = twice || seen[arg.Index]
		seen[arg.Index] = true
		conditions = append(conditions, c)
	}
	if !twice {
		return f.AddRuleConditional(number, act, conditions)
	}
	// Several conditions on one argument: any of them, as runc has it.
	for _, c := range conditions {
		if err := f.AddRuleConditional(number, act, []libseccomp.ScmpCondition{c}); err != nil {
			return err
		}
	}
	return nil
}

var operators = map[configs.Operator]libseccomp.ScmpCompareOp{
	configs.EqualTo: libseccomp.CompareEqual, configs.NotEqualTo: libseccomp.CompareNotEqual,
	configs.GreaterThan: libseccomp.CompareGreater, configs.GreaterThanOrEqualTo: libseccomp.CompareGreaterEqual,
	configs.LessThan: libseccomp.CompareLess, configs.LessThanOrEqualTo: libseccomp.CompareLessOrEqual,
	configs.MaskEqualTo: libseccomp.CompareMaskedEqual,
}

func condition(arg *configs.Arg) (libseccomp.ScmpCondition, error) {
	op, ok := operators[arg.Op]
	if !ok {
		return libseccomp.ScmpCondition{}, fmt.Errorf("unknown operator %d", arg.Op)
	}
	return libseccomp.MakeCondition(arg.Index, op, arg.Value, arg.ValueTwo)
}

// auditArchs are the kernel's numbers (linux/audit.h) of libseccomp's architectures.
var auditArchs = map[libseccomp.ScmpArch]uint32{
	libseccomp.ArchX86: unix.AUDIT_ARCH_I386, libseccomp.ArchAMD64: unix.AUDIT_ARCH_X86_64,
	libseccomp.ArchX32: unix.AUDIT_ARCH_X86_64, libseccomp.ArchARM: unix.AUDIT_ARCH_ARM,
	libseccomp.ArchARM64: unix.AUDIT_ARCH_AARCH64, libseccomp.ArchMIPS: unix.AUDIT_ARCH_MIPS,
	libseccomp.ArchMIPS64: unix.AUDIT_ARCH_MIPS64, libseccomp.ArchMIPS64N32: unix.AUDIT_ARCH_MIPS64N32,
	libseccomp.ArchMIPSEL: unix.AUDIT_ARCH_MIPSEL, libseccomp.ArchMIPSEL64: unix.AUDIT_ARCH_MIPSEL64,
	libseccomp.ArchMIPSEL64N32: unix.AUDIT_ARCH_MIPSEL64N32, libseccomp.ArchPPC: unix.AUDIT_ARCH_PPC,
	libseccomp.ArchPPC64: unix.AUDIT_ARCH_PPC64, libseccomp.ArchPPC64LE: unix.AUDIT_ARCH_PPC64LE,
	libseccomp.ArchS390: unix.AUDIT_ARCH_S390, libseccomp.ArchS390X: unix.AUDIT_ARCH_S390X,
	libseccomp.ArchRISCV64: unix.AUDIT_ARCH_RISCV64, libseccomp.ArchLOONGARCH64: unix.AUDIT_ARCH_LOONGARCH64,
}

// newestCalls looks for the highest number on each architecture.
func newestCalls(p *configs.Seccomp, archs []libseccomp.ScmpArch) []newest {
	var out []newest
	index := map[uint32]int{}
	for _, arch := range archs {
		number, known := auditArchs[arch]
		if !known {
			continue
		}
		highest := uint32(0)
		for _, call := range p.Syscalls {
			// Numbers below 0 are libseccomp's for calls that the architecture has not.
			if n, err := libseccomp.GetSyscallFromNameByArch(call.Name, arch); err == nil && n > 0 {
				highest = max(highest, uint32(n))
			}
		}
		i, seen := index[number]
		if !seen {
			i = len(out)
			index[number] = i
			out = append(out, newest{arch: number})
		}
		if arch == libseccomp.ArchX32 {
			out[i].x32 = highest
		} else {
			out[i].plain = highest
		}
	}
	return out
}

// RefusesExec tells whether the filter refuses execve(2) of this machine.
func (f *Filter) RefusesExec() bool {
	native, err := libseccomp.GetNativeArch()
	return err == nil && f.refuses(auditArchs[native], unix.SYS_EXECVE)
}
