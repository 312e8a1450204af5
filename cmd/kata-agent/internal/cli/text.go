// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// APIVersion is the version of the agent protocol.
const APIVersion = "0.0.1"

// Usage is the help text.
const Usage = `Usage: kata-agent [options]

The agent of Kata Containers, which runs containers inside a virtual machine on
behalf of the host. It takes its configuration from the kernel command line, the
environment and, if one is named, a TOML file.

Options:
  -c, --config FILE  read the configuration from FILE as well
  -v, --version      print the version and exit
  -h, --help         print this text and exit
`

// VersionLine is the answer to --version. Image builders look for its first
// three words.
func VersionLine(version, commit string, features []string) string {
	quoted := make([]string, len(features))
	for i, f := range features {
		quoted[i] = strconv.Quote(f)
	}
	return fmt.Sprintf("kata-agent version %s (api version: %s, commit version: %s, type: go, extra-features: [%s])",
		version, APIVersion, commit, strings.Join(quoted, ", "))
}
