// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/test/vm/lab/cpio"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// agentPath is where the program under test lies in the guest.
const agentPath = "/sbin/kata-agent"

// busyboxPath on the host; it must be linked statically.
const busyboxPath = "/bin/busybox"

// writeInitramfs makes the guest's first root file system at path.
func writeInitramfs(path string, k Kernel, opts Options) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err := fillInitramfs(buffered, k, opts); err != nil {
		return fmt.Errorf("initramfs: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func fillInitramfs(w io.Writer, k Kernel, opts Options) error {
	archive := cpio.NewWriter(w)
	archive.CharDevice("/dev/console", 0o600, 5, 1)
	archive.CharDevice("/dev/null", 0o666, 1, 3)
	for _, dir := range []string{"/proc", "/sys", "/run", "/tmp", "/root", "/mnt"} {
		archive.Dir(dir)
	}
	archive.Symlink("/init", wire.GuestPath)
	files := baseFiles()
	plan := wire.Plan{Bridge: opts.Vsock.bridged(), HostPorts: opts.HostPorts, Root: opts.Root, Init: opts.InitPath, Protected: opts.Protected}
	if err := addModules(files, &plan, k, opts); err != nil {
		return err
	}
	guest, err := guestProgram(opts.Arch)
	if err != nil {
		return err
	}
	files[wire.GuestPath] = File{Path: guest, Mode: 0o755}
	if opts.Init != "" {
		files[agentPath] = File{Path: opts.Init, Mode: 0o755}
	}
	planned, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	files[wire.PlanPath] = File{Data: planned}
	maps.Copy(files, opts.Files)
	if err := addBusybox(archive, files, opts.Arch); err != nil {
		return err
	}
	if err := addFiles(archive, files); err != nil {
		return err
	}
	return archive.Close()
}

// baseFiles are what programs expect in /etc. An agent binds the sandbox's
// resolv.conf over the one here, so it must exist.
func baseFiles() map[string]File {
	return map[string]File{
		"/etc/hostname":    {Data: []byte("kata-vm\n")},
		"/etc/hosts":       {Data: []byte("127.0.0.1 localhost kata-vm\n")},
		"/etc/resolv.conf": {},
		"/etc/passwd":      {Data: []byte("root:x:0:0:root:/root:/bin/sh\n")},
		"/etc/group":       {Data: []byte("root:x:0:\n")},
		"/etc/fstab":       {},
	}
}

// addBusybox adds busybox and a link for each applet no file stands in for. The host's, which says what
// there is, is of the same release as that of another processor.
func addBusybox(archive *cpio.Writer, files map[string]File, a Arch) error {
	out, err := exec.Command(busyboxPath, "--list-full").Output()
	if err != nil {
		return fmt.Errorf("%s: %w", busyboxPath, err)
	}
	program, err := a.busybox()
	if err != nil {
		return err
	}
	files[busyboxPath] = File{Path: program, Mode: 0o755}
	for applet := range strings.FieldsSeq(string(out)) {
		if _, taken := files["/"+applet]; !taken {
			archive.Symlink(applet, busyboxPath)
		}
	}
	return nil
}

func addModules(files map[string]File, plan *wire.Plan, k Kernel, opts Options) error {
	tree, err := readModuleTree(k)
	if err != nil {
		return err
	}
	order, err := tree.loadOrder(slices.Concat(opts.Modules, opts.Vsock.modules()))
	if err != nil {
		return err
	}
	for _, host := range order {
		guest := "/lab/modules/" + moduleName(host) + ".ko"
		plan.Modules = append(plan.Modules, guest)
		if files[guest], err = moduleFile(host); err != nil {
			return err
		}
	}
	onDemand, err := tree.loadOrder(opts.ModulesOnDemand)
	if err != nil {
		return err
	}
	base := path.Join("/lib/modules", k.Release)
	for _, host := range onDemand {
		if files[path.Join(base, "kernel", moduleName(host)+".ko")], err = moduleFile(host); err != nil {
			return err
		}
	}
	dep, err := tree.modulesDep(onDemand)
	files[path.Join(base, "modules.dep")] = File{Data: []byte(dep)}
	return err
}

func moduleFile(host string) (File, error) {
	data, err := readModule(host)
	return File{Data: data}, err
}

func addFiles(archive *cpio.Writer, files map[string]File) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		data, err := f.content()
		if err != nil {
			return err
		}
		archive.File(name, f.mode(), data)
	}
	return nil
}
