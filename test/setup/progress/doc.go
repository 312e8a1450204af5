// SPDX-License-Identifier: Apache-2.0

// Command progress shows the events of "go test -json" to a person: the result of each package as
// it comes, what failing tests have said, and, while nothing else is to be said, which tests run
// and for how long, so that a hang is seen and has a name.
//
//	go test -json ./... | progress -record FILE    what happens; FILE gets what the summary needs
//	progress -summary FILE                         results, then what was skipped, by reason
//
// It passes on whatever is no event, and judges nothing: the exit code is that of go test.
package main
