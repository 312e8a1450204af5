// SPDX-License-Identifier: Apache-2.0

// Package session measures exec sessions of the whole agent against the floor: a bare
// spawn on the same machine, in the same run, interleaved.
//
//	go test -tags seccomp,netgo,osusergo -run - -bench . -benchtime 5x ./test/bench/session
package session
