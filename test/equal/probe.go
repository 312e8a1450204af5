// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Prebuilt is where the tests look for the probe before they build it, seen from the package's
// directory. In a virtual machine there is no compiler.
const Prebuilt = "testdata/probe"

// Groups are the kinds of containers that TestEqual compares: its subtests, by what they are about.
var Groups = []string{
	"pods", "mounts", "mount points", "propagation", "devices", "paths", "processes", "users", "namespaces", "cgroups", "hooks", "images", "refusals",
}

// Probe is the static program of the containers, built in dir if it is not there yet.
func Probe(dir string) (file string, err error) {
	if _, err := os.Stat(Prebuilt); err == nil {
		return filepath.Abs(Prebuilt)
	}
	_, self, _, _ := runtime.Caller(0)
	source := filepath.Join(filepath.Dir(self), "testdata/probe.c")
	file = filepath.Join(dir, "built")
	out, err := exec.Command("gcc", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o", file, source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the probe: %w\n%s", err, out)
	}
	return file, nil
}
