// SPDX-License-Identifier: Apache-2.0

// What outlives an agent that is the guest's init: the first page of the memory that package
// guest/boot/keeper describes.

#ifndef KEPT_H
#define KEPT_H

#include <stdint.h>

// Bytes in all, and the number of processes in the first page; package keeper's test compares them.
#define KEPT_SIZE 1053200
#define KEPT_ENDED 511

// So many times an agent is started again in so many seconds, at most.
#define KEPT_RESTARTS 3
#define KEPT_MINUTE 60

struct kept {
	uint32_t enabled; // the agent is to be started again when it dies
	uint32_t count;	  // processes that init has collected
	struct {
		int32_t pid;
		int32_t status; // as of wait(2)
	} ended[KEPT_ENDED];
};

#endif
