// SPDX-License-Identifier: Apache-2.0

// Package config reads the agent's configuration.
//
// It owns the one table of options (table.go) from which the kernel command
// line parser, the TOML reader, the environment reader and the generated
// docs/configuration.md are driven, so an option cannot exist in one of them
// only.
//
// What it promises:
//
//   - Sources are applied in the order defaults, configuration file, kernel
//     command line words, environment; the later source wins.
//   - A value that cannot be used is ignored and reported as one Warning; what
//     an earlier source said, or else the default, stays. A virtual machine
//     whose init dies over a mistyped word tells its owner nothing.
//   - A configuration file that is named but cannot be read or parsed is an
//     error: it may hold the list of allowed requests, and running without
//     that list would be running with more rights than were granted.
//   - Both spellings of both earlier agents (Rust 2.x to 4.x, Go 1.x) are
//     understood, in any order of the words.
//
// It does not log, keeps no global state, and imports nothing of actors, rpc or
// protocols.
package config

//go:generate go run ./gendoc -docs ../../docs
