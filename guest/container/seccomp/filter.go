// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Filter is a compiled profile.
type Filter struct {
	// Program is 8 bytes for each struct sock_filter, in native byte order.
	Program []byte
	Flags   uint32 // of seccomp(2), SECCOMP_SET_MODE_FILTER
}

// Offsets in struct seccomp_data (linux/seccomp.h).
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

// x32Bit is set in the numbers of x32's system calls, which are x86-64's to audit.
const x32Bit = 0x40000000

// newest are the highest numbers of system calls that a profile names on an architecture.
type newest struct {
	arch  uint32 // AUDIT_ARCH_*
	plain uint32 // 0: it names none
	x32   uint32
}

// missing is the beginning of a program: calls newer than all that the profile names fail
// with ENOSYS, everything else goes on to what follows.
func missing(archs []newest) []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jump  = unix.BPF_JMP | unix.BPF_JA
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		above = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
		least = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	)
	refuse := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)}
	out := []unix.SockFilter{{Code: load, K: offsetArch}}
	for _, a := range archs {
		var group []unix.SockFilter
		switch {
		case a.plain != 0 && a.x32 != 0:
			group = []unix.SockFilter{
				{Code: load, K: offsetNumber},
				{Code: least, K: x32Bit, Jt: 1},
				{Code: above, K: a.plain, Jt: 1, Jf: 2},
				{Code: above, K: a.x32, Jf: 1},
				refuse,
				{Code: jump},
			}
		case a.plain != 0 || a.x32 != 0:
			group = []unix.SockFilter{
				{Code: load, K: offsetNumber},
				{Code: above, K: max(a.plain, a.x32), Jf: 1},
				refuse,
				{Code: jump},
			}
		default:
			continue
		}
		out = append(out, unix.SockFilter{Code: equal, K: a.arch, Jf: uint8(len(group))})
		out = append(out, group...)
	}
	for i := range out {
		if out[i].Code == jump {
			out[i].K = uint32(len(out) - i - 1)
		}
	}
	return out
}

func bytesOf(program []unix.SockFilter) []byte {
	out := make([]byte, 0, 8*len(program))
	for _, f := range program {
		out = binary.NativeEndian.AppendUint16(out, f.Code)
		out = append(out, f.Jt, f.Jf)
		out = binary.NativeEndian.AppendUint32(out, f.K)
	}
	return out
}
