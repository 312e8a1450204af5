// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func table() *[count]*task
TEXT ·table(SB), NOSPLIT, $0-8
	LEAQ ·leftOut(SB), AX
	MOVQ AX, ret+0(FP)
	RET
