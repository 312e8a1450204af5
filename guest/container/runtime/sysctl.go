// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// hostNetSysctls takes the net.* sysctls out of a spec whose containers share the
// guest's network namespace and writes them there: libcontainer refuses them, and a
// pod's network is the guest's. Keys the kernel does not have are passed over, as hosts
// send those of their own kernel. Values are written once and stay for the pod's life.
func hostNetSysctls(proc string, spec *specs.Spec) error {
	if spec.Linux == nil || hasNamespace(spec, specs.NetworkNamespace) {
		return nil
	}
	for key, value := range spec.Linux.Sysctl {
		if !strings.HasPrefix(key, "net.") {
			continue
		}
		delete(spec.Linux.Sysctl, key)
		path := sysctlPath(key)
		if !filepath.IsLocal(path) {
			return fmt.Errorf("sysctl %q names no file below /proc/sys", key)
		}
		err := os.WriteFile(filepath.Join(proc, "sys", path), []byte(value), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sysctl %s=%q: %w", key, value, err)
		}
	}
	return nil
}

// sysctlPath turns a key into a path below /proc/sys: as sysctl(8), whichever of '.'
// and '/' comes first is the separator and the other stands for a dot in a name.
func sysctlPath(key string) string {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '/' {
		return key
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(key)
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
