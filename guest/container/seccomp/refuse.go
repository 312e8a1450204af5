// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// refuses tells whether the filter has a system call fail, or ends who makes it. arch is an
// AUDIT_ARCH_* of the kernel; the call's arguments are taken to be 0.
func (f *Filter) refuses(arch uint32, number uint32) bool {
	switch f.run(arch, number) & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE:
		return false
	}
	return true
}

// run is what the filter returns for a system call: SECCOMP_RET_* and its data. A program
// that cannot be run lets everything through.
func (f *Filter) run(arch, number uint32, args ...uint64) uint32 {
	var program []bpf.RawInstruction
	for b := f.Program; len(b) >= 8; b = b[8:] {
		program = append(program, bpf.RawInstruction{
			Op: binary.NativeEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.NativeEndian.Uint32(b[4:]),
		})
	}
	instructions, _ := bpf.Disassemble(program)
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		return unix.SECCOMP_RET_ALLOW
	}
	out, err := vm.Run(data(arch, number, args))
	if err != nil {
		return unix.SECCOMP_RET_ALLOW
	}
	return uint32(out)
}

// data is struct seccomp_data, word by word as the machine reads it: in a network's order,
// where the kernel gives seccomp its own.
func data(arch, number uint32, args []uint64) []byte {
	b := make([]byte, 64)
	binary.NativeEndian.PutUint32(b[offsetNumber:], number)
	binary.NativeEndian.PutUint32(b[offsetArch:], arch)
	for i, a := range args {
		binary.NativeEndian.PutUint64(b[offsetArgs+8*i:], a)
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	return b
}
