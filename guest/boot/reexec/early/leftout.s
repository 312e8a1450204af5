// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

#include "textflag.h"

// Each word is the address of a package's task in Go's list: path, two dots, inittask. Go's assembler writes
// the dot as a middle dot and the slash as a division slash; it has no way to write a hyphen, and the linker
// refuses those of the standard library.

DATA ·leftOut+0(SB)/8, $github·com∕BurntSushi∕toml··inittask(SB)
DATA ·leftOut+8(SB)/8, $github·com∕BurntSushi∕toml∕internal··inittask(SB)
DATA ·leftOut+16(SB)/8, $github·com∕cilium∕ebpf∕asm··inittask(SB)
DATA ·leftOut+24(SB)/8, $github·com∕containerd∕ttrpc··inittask(SB)
DATA ·leftOut+32(SB)/8, $github·com∕gogo∕protobuf∕proto··inittask(SB)
DATA ·leftOut+40(SB)/8, $github·com∕lithammer∕shortuuid∕v4··inittask(SB)
DATA ·leftOut+48(SB)/8, $go·opentelemetry·io∕otel∕attribute··inittask(SB)
DATA ·leftOut+56(SB)/8, $go·opentelemetry·io∕otel∕codes··inittask(SB)
DATA ·leftOut+64(SB)/8, $go·uber·org∕zap∕zapcore··inittask(SB)
DATA ·leftOut+72(SB)/8, $go·yaml·in∕yaml∕v3··inittask(SB)
DATA ·leftOut+80(SB)/8, $google·golang·org∕genproto∕googleapis∕rpc∕status··inittask(SB)
DATA ·leftOut+88(SB)/8, $google·golang·org∕grpc∕codes··inittask(SB)
DATA ·leftOut+96(SB)/8, $google·golang·org∕protobuf∕encoding∕protowire··inittask(SB)
DATA ·leftOut+104(SB)/8, $google·golang·org∕protobuf∕internal∕detrand··inittask(SB)
DATA ·leftOut+112(SB)/8, $google·golang·org∕protobuf∕internal∕encoding∕text··inittask(SB)
DATA ·leftOut+120(SB)/8, $google·golang·org∕protobuf∕internal∕filedesc··inittask(SB)
DATA ·leftOut+128(SB)/8, $google·golang·org∕protobuf∕internal∕filetype··inittask(SB)
DATA ·leftOut+136(SB)/8, $google·golang·org∕protobuf∕internal∕impl··inittask(SB)
DATA ·leftOut+144(SB)/8, $google·golang·org∕protobuf∕proto··inittask(SB)
DATA ·leftOut+152(SB)/8, $google·golang·org∕protobuf∕types∕known∕anypb··inittask(SB)
GLOBL ·leftOut(SB), NOPTR, $160
