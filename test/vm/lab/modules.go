// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// MinimalModules are enough for a guest with virtio disks and overlay: the
// fastest boot. Those of vsock are added by the way it is carried.
func MinimalModules() []string {
	return []string{"virtio_pci", "virtio_blk", "overlay"}
}

// FullModules are all that a Kata guest kernel usually has built in. Names
// that no module needs by symbol (checksums, NVDIMM tables) are listed for
// themselves.
func FullModules() []string {
	return append(MinimalModules(),
		"crc32c_generic", "ext4", "xfs", "erofs", "fuse", "virtiofs", "loop",
		"crct10dif_common", "virtio_scsi", "sd_mod",
		"virtio_net", "veth", "dummy",
		"nfit", "nd_btt", "nd_pmem", "virtio_pmem",
		"dm-mod", "dm-verity",
		"ip_tables", "ip6_tables", "iptable_filter", "iptable_nat", "ip6table_filter", "xt_tcpudp",
		"virtio_balloon", "virtio_mem",
	)
}

// moduleTree is the set of modules a kernel package holds.
type moduleTree struct {
	files   map[string]string // canonical name to path
	builtin map[string]bool
}

func readModuleTree(k Kernel) (*moduleTree, error) {
	tree := &moduleTree{files: map[string]string{}, builtin: map[string]bool{}}
	err := filepath.WalkDir(filepath.Join(k.ModuleDir, "kernel"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), ".ko") {
			tree.files[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(k.ModuleDir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for line := range strings.FieldsSeq(string(list)) {
		tree.builtin[moduleName(line)] = true
	}
	return tree, nil
}

// moduleName is the kernel's name for a module file: files may have a dash
// where the kernel has an underscore, and a suffix for compression.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// loadOrder is wanted with all it depends on, dependencies first. The package
// brings no modules.dep, so the order is read from the modules themselves.
func (t *moduleTree) loadOrder(wanted []string) ([]string, error) {
	var order []string
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		name = moduleName(name)
		if done[name] || t.builtin[name] {
			return nil
		}
		done[name] = true
		path, ok := t.files[name]
		if !ok {
			return fmt.Errorf("kernel module %s: %w", name, fs.ErrNotExist)
		}
		depends, err := moduleDepends(path)
		if err != nil {
			return err
		}
		for _, d := range depends {
			if err := visit(d); err != nil {
				return fmt.Errorf("%s needs %w", name, err)
			}
		}
		order = append(order, path)
		return nil
	}
	for _, name := range wanted {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleDepends reads the "depends=" entry of a module's .modinfo section.
func moduleDepends(path string) ([]string, error) {
	data, err := readModule(path)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("module %s: no .modinfo", path)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", path, err)
	}
	for entry := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}

// readModule returns a module's ELF file, unpacked if need be: finit_module
// takes compressed ones only from kernels built for it.
func readModule(path string) ([]byte, error) {
	tools := map[string]string{".xz": "xz", ".zst": "zstd", ".gz": "gzip"}
	if tool, ok := tools[filepath.Ext(path)]; ok {
		out, err := exec.Command(tool, "-dc", path).Output()
		if err != nil {
			return nil, fmt.Errorf("unpack module %s: %w", path, err)
		}
		return out, nil
	}
	return os.ReadFile(path)
}

// modulesDep is a modules.dep for these modules in this order, for modprobe.
func (t *moduleTree) modulesDep(order []string) (string, error) {
	var dep strings.Builder
	for _, path := range order {
		needs, err := t.loadOrder([]string{path})
		if err != nil {
			return "", err
		}
		slices.Reverse(needs) // modprobe loads the list from its end
		fmt.Fprintf(&dep, "kernel/%s.ko:", moduleName(path))
		for _, n := range needs[1:] {
			fmt.Fprintf(&dep, " kernel/%s.ko", moduleName(n))
		}
		dep.WriteByte('\n')
	}
	return dep.String(), nil
}
