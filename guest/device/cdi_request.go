// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/parser"
)

const (
	cdiAnnotation       = "cdi.k8s.io/"
	cdiVariable         = "VISIBLE_CDI_DEVICES"
	containerType       = "io.katacontainers.pkg.oci.container_type"
	sandboxContainer    = "pod_sandbox"
	cdiAll              = "all"
	maxIndexBits        = 32
	cdiVariableListSep  = ":"
	cdiVariableIndexSep = ","
)

// CDIDevices returns the qualified names of the CDI devices a container asks for, in its
// annotations and, if fromEnv, in the variable VISIBLE_CDI_DEVICES. The sandbox's own
// container gets none.
func CDIDevices(spec *specs.Spec, fromEnv bool) ([]string, error) {
	if spec.Annotations[containerType] == sandboxContainer {
		return nil, nil
	}
	devices, err := annotatedDevices(spec.Annotations)
	if err != nil {
		return nil, err
	}
	if fromEnv && spec.Process != nil {
		visible, err := visibleDevices(spec.Process.Env)
		if err != nil {
			return nil, err
		}
		devices = append(devices, visible...)
	}
	var unique []string
	for _, d := range devices {
		if !slices.Contains(unique, d) {
			unique = append(unique, d)
		}
	}
	return unique, nil
}

func annotatedDevices(annotations map[string]string) ([]string, error) {
	var devices []string
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if !strings.HasPrefix(key, cdiAnnotation) {
			continue
		}
		for name := range strings.SplitSeq(annotations[key], ",") {
			if !parser.IsQualifiedName(name) {
				return nil, fmt.Errorf("invalid CDI device name %q in annotation %s", name, key)
			}
			devices = append(devices, name)
		}
	}
	return devices, nil
}

// visibleDevices reads "kind=all" and "kind=0,1" entries separated by colons. Of a
// variable that is set twice the last one counts, as in a process.
func visibleDevices(env []string) ([]string, error) {
	var value string
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, cdiVariable+"="); ok {
			value = v
		}
	}
	switch value {
	case "", "none", "void":
		return nil, nil
	}
	var devices []string
	for entry := range strings.SplitSeq(value, cdiVariableListSep) {
		names, err := visibleEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", cdiVariable, err)
		}
		devices = append(devices, names...)
	}
	return devices, nil
}

func visibleEntry(entry string) ([]string, error) {
	kind, list, ok := strings.Cut(entry, "=")
	if !ok || kind == "" || list == "" {
		return nil, fmt.Errorf("%q should have the form kind=all or kind=0,1", entry)
	}
	indices := strings.Split(list, cdiVariableIndexSep)
	var devices []string
	for _, index := range indices {
		if index == cdiAll && len(indices) > 1 {
			return nil, fmt.Errorf("%q has both all devices and single ones", entry)
		}
		if index != cdiAll {
			if _, err := strconv.ParseUint(index, 10, maxIndexBits); err != nil {
				return nil, fmt.Errorf("%q has the index %q: %w", entry, index, err)
			}
		}
		name := kind + "=" + index
		if !parser.IsQualifiedName(name) {
			return nil, fmt.Errorf("%q is not a CDI device name", name)
		}
		devices = append(devices, name)
	}
	return devices, nil
}
