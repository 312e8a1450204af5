// SPDX-License-Identifier: Apache-2.0

//go:build seccomp && amd64

package seccomp

import (
	"strings"
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	native = unix.AUDIT_ARCH_X86_64
	absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	denied = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
)

func compiled(t *testing.T, p *configs.Seccomp) *Filter {
	t.Helper()
	f, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func calls(action configs.Action, names ...string) (out []*configs.Syscall) {
	for _, n := range names {
		out = append(out, &configs.Syscall{Name: n, Action: action})
	}
	return out
}

// TestAllowList: what a list names is allowed, what it could have named is refused, and what
// is newer than all it names is missing.
func TestAllowList(t *testing.T) {
	f := compiled(t, &configs.Seccomp{
		DefaultAction: configs.Errno, Architectures: []string{"amd64", "x86", "x32"},
		Syscalls: calls(configs.Allow, "read", "openat", "no_such_call"),
	})
	for name, c := range map[string]struct {
		arch, number, want uint32
	}{
		"named":                  {native, unix.SYS_READ, unix.SECCOMP_RET_ALLOW},
		"named last":             {native, unix.SYS_OPENAT, unix.SECCOMP_RET_ALLOW},
		"not named":              {native, unix.SYS_WRITE, denied},
		"newer":                  {native, unix.SYS_OPENAT + 1, absent},
		"much newer":             {native, unix.SYS_OPENAT2, absent},
		"x32 named":              {native, x32Bit | unix.SYS_OPENAT, unix.SECCOMP_RET_ALLOW},
		"x32 not named":          {native, x32Bit | unix.SYS_WRITE, denied},
		"x32 newer":              {native, x32Bit | unix.SYS_OPENAT2, absent},
		"x86 named":              {unix.AUDIT_ARCH_I386, 3, unix.SECCOMP_RET_ALLOW},
		"x86 newer":              {unix.AUDIT_ARCH_I386, 437, absent},
		"x86 not named":          {unix.AUDIT_ARCH_I386, 4, denied},
		"of a foreign processor": {unix.AUDIT_ARCH_AARCH64, 63, unix.SECCOMP_RET_KILL_THREAD},
	} {
		if got := f.run(c.arch, c.number); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
	}
	if f.refuses(native, unix.SYS_READ) || !f.RefusesExec() {
		t.Error("read must be allowed, and execve refused")
	}
}

// TestX32IsMissing where the profile does not have it, as every number above the last.
func TestX32IsMissing(t *testing.T) {
	f := compiled(t, &configs.Seccomp{DefaultAction: configs.Kill, Syscalls: calls(configs.Allow, "write")})
	if got := f.run(native, x32Bit); got != absent {
		t.Errorf("%#x, want %#x", got, absent)
	}
}

// TestActions: each of the profile's actions is the kernel's, with its errno.
func TestActions(t *testing.T) {
	errno := uint(unix.EACCES)
	for name, c := range map[string]struct {
		action configs.Action
		want   uint32
	}{
		"kill": {configs.Kill, unix.SECCOMP_RET_KILL_THREAD}, "kill thread": {configs.KillThread, unix.SECCOMP_RET_KILL_THREAD},
		"kill process": {configs.KillProcess, unix.SECCOMP_RET_KILL_PROCESS}, "trap": {configs.Trap, unix.SECCOMP_RET_TRAP},
		"errno": {configs.Errno, unix.SECCOMP_RET_ERRNO | uint32(errno)}, "trace": {configs.Trace, unix.SECCOMP_RET_TRACE | uint32(errno)},
		"log": {configs.Log, unix.SECCOMP_RET_LOG},
	} {
		f := compiled(t, &configs.Seccomp{
			DefaultAction: configs.Allow,
			Syscalls:      []*configs.Syscall{{Name: "mkdir", Action: c.action, ErrnoRet: &errno}},
		})
		if got := f.run(native, unix.SYS_MKDIR); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
		if got := f.run(native, unix.SYS_OPENAT2); got != unix.SECCOMP_RET_ALLOW {
			t.Errorf("%s: a newer call: %#x, want it allowed", name, got)
		}
	}
}

// TestConditions: on different arguments all must hold, of several on one any does.
func TestConditions(t *testing.T) {
	equal := func(index uint, value uint64) *configs.Arg {
		return &configs.Arg{Index: index, Value: value, Op: configs.EqualTo}
	}
	f := compiled(t, &configs.Seccomp{DefaultAction: configs.Errno, Syscalls: []*configs.Syscall{
		{Name: "socket", Action: configs.Allow, Args: []*configs.Arg{equal(0, 1), equal(1, 2)}},
		{Name: "personality", Action: configs.Allow, Args: []*configs.Arg{equal(0, 8), equal(0, 1<<40)}},
		{Name: "openat2", Action: configs.Allow},
	}})
	for _, c := range []struct {
		number uint32
		args   []uint64
		want   uint32
	}{
		{unix.SYS_SOCKET, []uint64{1, 2}, unix.SECCOMP_RET_ALLOW},
		{unix.SYS_SOCKET, []uint64{1, 3}, denied},
		{unix.SYS_PERSONALITY, []uint64{8}, unix.SECCOMP_RET_ALLOW},
		{unix.SYS_PERSONALITY, []uint64{1 << 40}, unix.SECCOMP_RET_ALLOW},
		{unix.SYS_PERSONALITY, []uint64{9}, denied},
	} {
		if got := f.run(native, c.number, c.args...); got != c.want {
			t.Errorf("call %d with %v: %#x, want %#x", c.number, c.args, got, c.want)
		}
	}
}

func TestFlags(t *testing.T) {
	f := compiled(t, &configs.Seccomp{DefaultAction: configs.Allow, Flags: []specs.LinuxSeccompFlag{
		"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow,
	}})
	if want := uint32(unix.SECCOMP_FILTER_FLAG_LOG | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW); f.Flags != want {
		t.Errorf("flags %#x, want %#x", f.Flags, want)
	}
}

func TestRefusedProfiles(t *testing.T) {
	for want, p := range map[string]*configs.Seccomp{
		"listener":                 {DefaultAction: configs.Allow, Syscalls: calls(configs.Notify, "mount")},
		"default action":           {},
		`architecture "pdp11"`:     {DefaultAction: configs.Allow, Architectures: []string{"pdp11"}},
		`unknown flag "SOMETHING"`: {DefaultAction: configs.Allow, Flags: []specs.LinuxSeccompFlag{"SOMETHING"}},
		`system call "mount": unknown operator`: {DefaultAction: configs.Allow, Syscalls: []*configs.Syscall{{
			Name: "mount", Action: configs.Errno, Args: []*configs.Arg{{Op: 99}},
		}}},
	} {
		_, err := Compile(p)
		if err == nil || !strings.HasPrefix(err.Error(), "seccomp: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about seccomp and %s", err, want)
		}
	}
}
