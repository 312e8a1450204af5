// SPDX-License-Identifier: Apache-2.0

// Package random reseeds the kernel's random number generator, so that machines cloned
// from one template do not draw the same numbers.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package random
