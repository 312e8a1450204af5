// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func table() *[count]*task
TEXT ·table(SB), NOSPLIT, $0-8
	MOVD $·leftOut(SB), R0
	MOVD R0, ret+0(FP)
	RET
