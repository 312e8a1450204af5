// SPDX-License-Identifier: Apache-2.0

// Package output writes results for the one who reads them: tables for people on a terminal, JSON
// or YAML for programs. It must not import anything of this module.
package output
