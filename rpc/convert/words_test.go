// SPDX-License-Identifier: Apache-2.0

package convert_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// spelling is one word as hosts send it and as the runtime specification has it. Without a want the
// word is passed over; refused ones want an error.
type spelling struct {
	sent, want string
	refused    string
}

// both gives a row for each word that the Go and the Rust library print alike, and one for the same
// word as a Rust program shows the member of an enumeration: RlimitNofile.
func both(words ...string) []spelling {
	var out []spelling
	for _, w := range words {
		member := ""
		for part := range strings.SplitSeq(w, "_") {
			member += part[:1] + strings.ToLower(part[1:])
		}
		out = append(out, spelling{sent: w, want: w}, spelling{sent: member, want: w}, spelling{sent: `"` + w + `"`, want: w})
	}
	return out
}

// TestSpellings: each word of the protocol is taken in the spelling of the Go OCI library, which has
// the runtime specification's, and of the Rust one.
func TestSpellings(t *testing.T) {
	process := func() *protocols.Process { return &protocols.Process{Args: []string{"a"}} }
	linux := func(l *protocols.Linux) (*specs.Linux, error) {
		s, err := convert.Spec(&protocols.Spec{Process: process(), Linux: l})
		if err != nil {
			return nil, err
		}
		return s.Linux, nil
	}
	seccomp := func(p *protocols.LinuxSeccomp) (*specs.LinuxSeccomp, error) {
		l, err := linux(&protocols.Linux{Seccomp: p})
		if err != nil {
			return nil, err
		}
		return l.Seccomp, nil
	}
	kinds := map[string]struct {
		convert func(word string) (string, error)
		rows    []spelling
	}{
		"namespaces": {
			func(w string) (string, error) {
				l, err := linux(&protocols.Linux{Namespaces: []*protocols.LinuxNamespace{{Type: w}}})
				if err != nil {
					return "", err
				}
				return string(l.Namespaces[0].Type), nil
			},
			append(both("mount", "cgroup", "uts", "ipc", "user", "pid", "network", "time"),
				spelling{sent: "mnt", want: "mount"}, spelling{sent: "net", want: "network"},
				spelling{sent: "dreams", refused: `invalid namespace type "dreams"`}, spelling{sent: "", refused: `invalid namespace type ""`}),
		},
		"rlimits": {
			func(w string) (string, error) {
				p := process()
				p.Rlimits = []*protocols.POSIXRlimit{{Type: w}}
				out, err := convert.Process(p)
				if err != nil {
					return "", err
				}
				return out.Rlimits[0].Type, nil
			},
			append(both("RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
				"RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
				"RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME"),
				spelling{sent: "nofile", want: "RLIMIT_NOFILE"}, spelling{sent: "RLIMIT_DREAMS", refused: `invalid rlimit "RLIMIT_DREAMS"`}),
		},
		"propagation": {
			func(w string) (string, error) {
				l, err := linux(&protocols.Linux{RootfsPropagation: w})
				if err != nil {
					return "", err
				}
				return l.RootfsPropagation, nil
			},
			append(both("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"),
				spelling{sent: ""}, spelling{sent: "far", refused: `invalid rootfsPropagation "far"`}),
		},
		"devices": {
			func(w string) (string, error) {
				l, err := linux(&protocols.Linux{Devices: []*protocols.LinuxDevice{{Path: "/dev/x", Type: w}}})
				if err != nil {
					return "", err
				}
				return l.Devices[0].Type, nil
			},
			append(both("b", "c", "u", "p"),
				spelling{sent: "a", refused: `device /dev/x has unknown type "a"`}, spelling{sent: "", refused: `device /dev/x has unknown type ""`}),
		},
		"device rules": {
			func(w string) (string, error) {
				r, err := convert.Resources(&protocols.LinuxResources{Devices: []*protocols.LinuxDeviceCgroup{{Type: w, Allow: true}}})
				if err != nil || len(r.Devices) == 0 {
					return "", err
				}
				return r.Devices[0].Type, nil
			},
			append(both("a", "b", "c"), spelling{sent: "u", want: "c"}, spelling{sent: "", want: "a"}, spelling{sent: "p"},
				spelling{sent: "x", refused: `device rule has unknown type "x"`}),
		},
		"seccomp actions": {
			func(w string) (string, error) {
				p, err := seccomp(&protocols.LinuxSeccomp{DefaultAction: w, Syscalls: []*protocols.LinuxSyscall{{Names: []string{"sync"}, Action: w}}})
				if err != nil {
					return "", err
				}
				if p.DefaultAction != p.Syscalls[0].Action {
					t.Errorf("%s is %s by default and %s in a rule", w, p.DefaultAction, p.Syscalls[0].Action)
				}
				return string(p.DefaultAction), nil
			},
			append(both("SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO",
				"SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_LOG", "SCMP_ACT_ALLOW"),
				spelling{sent: "SCMP_ACT_PRAY", refused: `invalid seccomp action "SCMP_ACT_PRAY"`}),
		},
		"seccomp operators": {
			func(w string) (string, error) {
				p, err := seccomp(&protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", Syscalls: []*protocols.LinuxSyscall{
					{Names: []string{"sync"}, Action: "SCMP_ACT_KILL", Args: []*protocols.LinuxSeccompArg{{Op: w}}},
				}})
				if err != nil {
					return "", err
				}
				return string(p.Syscalls[0].Args[0].Op), nil
			},
			append(both("SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"),
				spelling{sent: "SCMP_CMP_IN", refused: `invalid seccomp operator "SCMP_CMP_IN"`}),
		},
		"seccomp architectures": {
			func(w string) (string, error) {
				p, err := seccomp(&protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", Architectures: []string{w}})
				if err != nil || len(p.Architectures) == 0 {
					return "", err
				}
				return string(p.Architectures[0]), nil
			},
			append(both("SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",
				"SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
				"SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
				"SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64"),
				spelling{sent: "SCMP_ARCH_NATIVE"}, spelling{sent: "SCMP_ARCH_PARISC"}, spelling{sent: "SCMP_ARCH_PARISC64"},
				spelling{sent: "SCMP_ARCH_M68K"}, spelling{sent: "SCMP_ARCH_SH"}, spelling{sent: "SCMP_ARCH_SHEB"},
				spelling{sent: "SCMP_ARCH_VAX", refused: `invalid seccomp architecture "SCMP_ARCH_VAX"`}),
		},
		"seccomp flags": {
			func(w string) (string, error) {
				p, err := seccomp(&protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", Flags: []string{w}})
				if err != nil {
					return "", err
				}
				return string(p.Flags[0]), nil
			},
			append(both("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
				spelling{sent: "FLAG", refused: `invalid seccomp flag "FLAG"`}),
		},
		"capabilities": {
			func(w string) (string, error) {
				p := process()
				set := []string{w}
				p.Capabilities = &protocols.LinuxCapabilities{Bounding: set, Effective: set, Permitted: set, Inheritable: set, Ambient: set}
				out, err := convert.Process(p)
				if err != nil {
					return "", err
				}
				c := out.Capabilities
				for _, other := range [][]string{c.Effective, c.Permitted, c.Inheritable, c.Ambient} {
					if !reflect.DeepEqual(other, c.Bounding) {
						t.Errorf("%s is %v and %v", w, c.Bounding, other)
					}
				}
				return c.Bounding[0], nil
			},
			capabilitySpellings(),
		},
		"mount options": {
			func(w string) (string, error) {
				s, err := convert.Spec(&protocols.Spec{Process: process(), Mounts: []*protocols.Mount{{Destination: "/d", Type: "tmpfs", Options: []string{"ro", w}}}})
				if err != nil {
					return "", err
				}
				return strings.Join(s.Mounts[0].Options[1:], ","), nil
			},
			[]spelling{
				{sent: "defaults"}, {sent: ""}, {sent: "nosuid", want: "nosuid"}, {sent: "rbind", want: "rbind"}, {sent: "rslave", want: "rslave"},
				{sent: "size=64k", want: "size=64k"}, {sent: "lowerdir=/A:/b", want: "lowerdir=/A:/b"},
			},
		},
	}
	for kind, k := range kinds {
		for _, row := range k.rows {
			t.Run(kind+"/"+row.sent, func(t *testing.T) {
				got, err := k.convert(row.sent)
				if row.refused != "" {
					refused(t, err, row.refused)
				} else if err != nil || got != row.want {
					t.Errorf("%q is %q, %v; want %q", row.sent, got, err, row.want)
				}
			})
		}
	}
}

// capabilitySpellings has each name as the Go library prints it (CAP_KILL), as the Rust one does
// (KILL) and as older Rust hosts did ("CAP_KILL", in quotes), and names that nobody knows.
func capabilitySpellings() []spelling {
	rows := []spelling{
		{sent: "net_admin", want: "CAP_NET_ADMIN"}, {sent: "Sys_Admin", want: "CAP_SYS_ADMIN"},
		{sent: "CAP_FLY", want: "CAP_FLY"}, {sent: "FLY", want: "CAP_FLY"}, {sent: `"CAP_FLY"`, want: "CAP_FLY"}, {sent: "CAP_", want: "CAP_"},
	}
	for name := range strings.FieldsSeq(`AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
		DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN
		NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETGID SETFCAP SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE
		SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`) {
		full := "CAP_" + name
		rows = append(rows, spelling{sent: full, want: full}, spelling{sent: name, want: full}, spelling{sent: `"` + full + `"`, want: full})
	}
	return rows
}

// TestHookSpellings: the Go library leaves out what a hook has not, the Rust one sends empty lists
// and a time limit of zero.
func TestHookSpellings(t *testing.T) {
	want := specs.Hook{Path: "/h"}
	for name, sent := range map[string]*protocols.Hook{
		"left out": {Path: "/h"},
		"empty":    {Path: "/h", Args: []string{}, Env: []string{}, Timeout: 0},
	} {
		s, err := convert.Spec(&protocols.Spec{
			Process: &protocols.Process{Args: []string{"a"}}, Hooks: &protocols.Hooks{StartContainer: []*protocols.Hook{sent}},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := s.Hooks.StartContainer[0]
		if len(got.Args) != 0 || len(got.Env) != 0 || got.Path != want.Path || got.Timeout != nil {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestErrnoOfRustSpec: the Rust library cannot leave out the errno of a rule and sends zero, which
// would let the program believe that a call it may not make was made.
func TestErrnoOfRustSpec(t *testing.T) {
	zero := &protocols.LinuxSyscall_Errnoret{}
	for mount, want := range map[string]*uint{"mount": ptr[uint](0), "mnt": nil} {
		s, err := convert.Spec(&protocols.Spec{
			Process: &protocols.Process{Args: []string{"a"}},
			Linux: &protocols.Linux{
				Namespaces: []*protocols.LinuxNamespace{{Type: mount}},
				Seccomp: &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", Syscalls: []*protocols.LinuxSyscall{
					{Names: []string{"sync"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: zero},
					{Names: []string{"clone3"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &protocols.LinuxSyscall_Errnoret{Errnoret: 38}},
				}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		rules := s.Linux.Seccomp.Syscalls
		if !reflect.DeepEqual(rules[0].ErrnoRet, want) || *rules[1].ErrnoRet != 38 {
			t.Errorf("a sender of %q: errno %v, want %v", mount, rules[0].ErrnoRet, want)
		}
	}
}
