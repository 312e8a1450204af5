// SPDX-License-Identifier: Apache-2.0

// Package chaos makes requests at random: several clients at the same few containers and
// sessions, in an order no host would choose, with deadlines that pass and connections
// that end in the middle.
//
// It asks for three things: every request is answered, whatever was made can be removed,
// and then nothing of it is left in the guest. With an agent built with the race detector
// a data race fails the test too.
package chaos
