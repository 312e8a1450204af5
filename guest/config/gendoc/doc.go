// SPDX-License-Identifier: Apache-2.0

// Command gendoc writes docs/configuration.md and the sample configuration
// file from the option table of package config, and with -man the agent's manual page. A test fails when the checked-in
// files differ from what it writes.
//
// It imports nothing of this module but guest/config.
package main
