// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"
	"sync"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Hosts write the words of a specification as the OCI library of their language prints them: the Go
// runtime as the runtime specification has them ("mount", "CAP_KILL"), runtime-rs and agent-ctl as
// the oci-spec crate displays them ("mnt", "KILL"), older ones as JSON, with quotes. Each kind of
// word is a vocabulary, which takes every spelling and gives the runtime specification's.

// vocabulary is the words of one kind.
type vocabulary struct {
	kind string // as errors name it
	// spellings leads from each spelling to the runtime specification's word. Made at first use.
	spellings func() map[string]string
}

// words makes a vocabulary. Of each name these are taken: itself, without prefix, in any case, with
// or without underscores and quotes. others are further spellings.
func words(kind, prefix string, others map[string]string, names func() []string) vocabulary {
	return vocabulary{kind, sync.OnceValue(func() map[string]string {
		m := map[string]string{}
		for _, name := range names() {
			m[name], m[folded(name)], m[folded(strings.TrimPrefix(name, prefix))] = name, name, name
		}
		for other, name := range others {
			m[folded(other)] = name
		}
		return m
	})}
}

// find gives the runtime specification's word for a spelling.
func (v vocabulary) find(in string) (string, bool) {
	m := v.spellings()
	if word, ok := m[in]; ok {
		return word, true
	}
	word, ok := m[folded(in)]
	return word, ok
}

// word is find for a word that must be there.
func (v vocabulary) word(in string) (string, error) {
	word, ok := v.find(in)
	if !ok {
		return "", refuse("invalid %s %q", v.kind, in)
	}
	return word, nil
}

// folded leaves of a word what all spellings have in common: its letters, small, and digits.
func folded(word string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, word)
}

// fixed is a list of names for words.
func fixed[T ~string](names ...T) func() []string {
	return func() []string {
		out := make([]string, len(names))
		for i, n := range names {
			out[i] = string(n)
		}
		return out
	}
}

var (
	namespaceTypes = words("namespace type", "", map[string]string{"mnt": "mount", "net": "network"}, fixed(
		specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace,
		specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace,
	))
	rlimitTypes = words("rlimit", "RLIMIT_", nil, fixed( // getrlimit(2)
		"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS",
		"RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
		"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
	))
	propagations = words("rootfsPropagation", "", nil, fixed(
		"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable",
	))
	deviceTypes    = words("device type", "", nil, fixed("a", "b", "c", "u", "p"))
	seccompActions = words("seccomp action", "SCMP_ACT_", nil, fixed(
		specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActErrno,
		specs.ActTrace, specs.ActAllow, specs.ActLog, specs.ActNotify,
	))
	seccompOperators = words("seccomp operator", "SCMP_CMP_", nil, fixed(
		specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo,
		specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual,
	))
	seccompArchitectures = words("seccomp architecture", "SCMP_ARCH_", nil, fixed(
		archNative, specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64,
		specs.ArchMIPS, specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32,
		specs.ArchPPC, specs.ArchPPC64, specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC,
		specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB,
	))
	seccompFlags = words("seccomp flag", "SECCOMP_FILTER_FLAG_", nil, fixed(
		"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagWaitKillableRecv,
	))
	capabilityNames = words("capability", "CAP_", nil, func() []string {
		var names []string
		for _, c := range capability.ListKnown() {
			names = append(names, "CAP_"+strings.ToUpper(c.String()))
		}
		return names
	})
)

// mountOptions leaves out what only fstab(5) knows: libcontainer would hand it to the file system,
// which refuses it.
func mountOptions(in []string) []string {
	noise := func(o string) bool { return o == "defaults" || o == "" }
	if !slices.ContainsFunc(in, noise) {
		return in
	}
	return slices.DeleteFunc(slices.Clone(in), noise)
}
