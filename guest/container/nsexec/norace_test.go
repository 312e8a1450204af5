// SPDX-License-Identifier: Apache-2.0

//go:build !race

package nsexec_test

const raceEnabled = false
