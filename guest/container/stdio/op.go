// SPDX-License-Identifier: Apache-2.0

package stdio

import "slices"

// opState is the life of one call in a stream's queue.
type opState uint8

const (
	waiting  opState = iota // in the queue
	moving                  // first in the queue, in read(2) or write(2) just now
	canceled                // canceled while moving
	ended                   // out of the queue; done is or was called, or never will be
)

// cancelOp takes op out of the queue if it is not being served. The stream's lock is held.
func cancelOp[T comparable](queue *[]T, op T, state *opState) bool {
	switch *state {
	case waiting:
		i := slices.Index(*queue, op)
		*queue = slices.Delete(*queue, i, i+1)
		*state = ended
		return true
	case moving:
		*state = canceled
	}
	return false
}

// popOp takes the first call out of the queue.
func popOp[T any](queue *[]T, state *opState) {
	*queue = slices.Delete(*queue, 0, 1)
	*state = ended
}
