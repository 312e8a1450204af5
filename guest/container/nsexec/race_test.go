// SPDX-License-Identifier: Apache-2.0

//go:build race

package nsexec_test

// The race detector's runtime has memory of its own in the helper too.
const raceEnabled = true
