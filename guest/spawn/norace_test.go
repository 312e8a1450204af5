// SPDX-License-Identifier: Apache-2.0

//go:build !race

package spawn_test

const raceEnabled = false
