// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// fitSysctls brings the sysctls of a spec into the form that libcontainer takes, names with dots,
// and takes those of the network out when the container shares the guest's: libcontainer refuses
// them, and a pod's network is the guest's, so they are written there. Of these, keys the kernel does
// not have are passed over, as hosts send those of their own kernel. Values are written once and stay
// for the pod's life.
func fitSysctls(proc string, spec *specs.Spec) error {
	if spec.Linux == nil || len(spec.Linux.Sysctl) == 0 {
		return nil
	}
	shared := !hasNamespace(spec, specs.NetworkNamespace)
	left := map[string]string{}
	for key, value := range spec.Linux.Sysctl {
		parts := sysctlParts(key)
		if slices.Contains(parts, "") {
			return fmt.Errorf("sysctl %q names no file below /proc/sys", key)
		}
		if parts[0] != "net" || !shared {
			left[strings.Join(parts, ".")] = value
			continue
		}
		path := sysctlFile(filepath.Join(proc, "sys"), parts)
		if path == "" {
			continue
		}
		if err := sysfs.Write(path, value); err != nil {
			return fmt.Errorf("sysctl %s=%q: %w", key, value, err)
		}
	}
	spec.Linux.Sysctl = left
	return nil
}

// sysctlParts splits a key, which has the names of directories joined by dots or by slashes
// (sysctl(8)). A name that holds a dot itself, as of an interface eth0.100, is split too: written
// eth0/100 between dots, or eth0.100 between slashes, or like the others.
func sysctlParts(key string) []string {
	return strings.Split(strings.ReplaceAll(key, "/", "."), ".")
}

// sysctlFile finds the file below dir that parts lead to, "" if there is none. The name of a directory
// or file may hold dots itself, such as eth0.100: several parts are then one name.
func sysctlFile(dir string, parts []string) string {
	for n := 1; n <= len(parts); n++ {
		path := filepath.Join(dir, strings.Join(parts[:n], "."))
		info, err := os.Lstat(path)
		switch {
		case err != nil:
			continue
		case n == len(parts) && info.Mode().IsRegular():
			return path
		case n < len(parts) && info.IsDir():
			if found := sysctlFile(path, parts[n:]); found != "" {
				return found
			}
		}
	}
	return ""
}

func hasNamespace(spec *specs.Spec, t specs.LinuxNamespaceType) bool {
	if spec.Linux == nil {
		return false
	}
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type == t {
			return true
		}
	}
	return false
}
