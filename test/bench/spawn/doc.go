// SPDX-License-Identifier: Apache-2.0

// Package spawn measures what it costs to start a process in a running container: by the
// spawn helper and by libcontainer, against the floor, a bare fork and exec of the same
// program on the same machine, in the same run, interleaved. It needs root.
//
//	go test -tags seccomp,netgo,osusergo -run - -bench . ./test/bench/spawn
package spawn
