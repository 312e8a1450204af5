// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// systemdImageMiB is the size of the root disk; about 60 MiB are used.
const systemdImageMiB = 256

// systemdPackages make the smallest guest with systemd and its bus.
var systemdPackages = []string{"systemd", "systemd-sysv", "dbus"}

// scriptsOnly are packages needed by maintainer scripts only, which do not
// run here.
var scriptsOnly = []string{"perl", "debconf", "dpkg", "adduser", "usrmerge", "init-system-helpers"}

// Systemd changes options to a guest with live systemd on a root disk, the
// agent being its kata-agent.service. The machine boots to the target a Kata
// host names.
func Systemd(t testing.TB, agent string, opts Options) Options {
	t.Helper()
	units, err := agentUnits()
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(units, opts.Files)
	units["/usr/bin/kata-agent"] = File{Path: agent, Mode: 0o755}
	image, err := systemdImage(t, units)
	if err != nil {
		t.Fatal(err)
	}
	opts.Files = nil
	opts.Disks = append([]string{image}, opts.Disks...)
	opts.Root = &wire.Mount{Source: "/lab/dev/vda", Type: "ext4"}
	opts.InitPath = "/sbin/init"
	if opts.Modules == nil {
		opts.Modules = MinimalModules()
	}
	opts.Modules = append(opts.Modules, "crc32c_generic", "ext4", "autofs4")
	opts.KernelArgs = append([]string{
		"systemd.unit=kata-containers.target", "systemd.mask=systemd-networkd.service", "systemd.mask=systemd-networkd.socket",
	}, opts.KernelArgs...)
	if !opts.CgroupV2 {
		// The second word is asked for by newer ones.
		opts.KernelArgs = append(opts.KernelArgs, "systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
	}
	return opts
}

// agentUnits are the units that lie beside the agent's program.
func agentUnits() (map[string]File, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	units, _ := filepath.Glob(filepath.Join(root, "cmd/kata-agent/systemd/*"))
	files := map[string]File{}
	for _, unit := range units {
		data, err := os.ReadFile(unit)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(unit), ".in")
		files["/usr/lib/systemd/system/"+name] = File{Data: bytes.ReplaceAll(data, []byte("@BINDIR@"), []byte("/usr/bin"))}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("units of the agent: %w", fs.ErrNotExist)
	}
	return files, nil
}

// systemdImage is a root disk with the cached base and these files.
func systemdImage(t testing.TB, files map[string]File) (string, error) {
	packages, err := resolve(systemdPackages)
	if err != nil {
		return "", err
	}
	guest, err := guestProgram("")
	if err != nil {
		return "", err
	}
	base, err := cached(baseName(packages), func(dir string) error { return unpackRoot(packages, dir) })
	if err != nil {
		return "", err
	}
	tree := filepath.Join(t.TempDir(), "root")
	if out, err := exec.Command("cp", "-a", "--reflink=auto", base, tree).CombinedOutput(); err != nil {
		return "", fmt.Errorf("copy root: %w: %s", err, out)
	}
	files[wire.GuestPath] = File{Path: guest, Mode: 0o755}
	files[busyboxPath] = File{Path: busyboxPath, Mode: 0o755}
	for name, f := range baseFiles() {
		if _, ok := files[name]; !ok {
			files[name] = f
		}
	}
	// systemd-networkd and the bus run as users of their own.
	files["/etc/passwd"] = File{Data: []byte("root:x:0:0:root:/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\n")}
	files["/etc/group"] = File{Data: []byte("root:x:0:\ntty:x:5:\nmessagebus:x:100:\n")}
	files["/etc/machine-id"] = File{Data: []byte(strings.Repeat("6b", 16) + "\n")}
	if err := writeTree(tree, files); err != nil {
		return "", err
	}
	image := Blank(t, systemdImageMiB)
	return image, makeExt4(image, tree)
}

// resolve asks the package manager what a system with nothing else would get.
func resolve(packages []string) ([]string, error) {
	args := append([]string{"-s", "-o", "Dir::State::status=/dev/null", "--no-install-recommends", "install"}, packages...)
	out, err := exec.Command("apt-get", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("resolve %v: %w", packages, err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "Inst" {
			continue
		}
		skip := slices.ContainsFunc(scriptsOnly, func(s string) bool { return strings.Contains(words[1], s) })
		if !skip {
			all = append(all, words[1]+"="+strings.Trim(words[2], "("))
		}
	}
	return all, nil
}

// baseName changes with every version of what is inside.
func baseName(packages []string) string {
	return "systemd-" + hash(strings.Join(packages, " ")+finishScript)
}

// unpackRoot unpacks packages without their scripts and merges /usr.
func unpackRoot(packages []string, dir string) error {
	debs := filepath.Join(dir, "debs")
	if err := os.Mkdir(debs, 0o755); err != nil {
		return err
	}
	get := exec.Command("apt-get", append([]string{"download"}, packages...)...)
	get.Dir = debs
	if out, err := get.CombinedOutput(); err != nil {
		return fmt.Errorf("download: %w: %s", err, out)
	}
	all, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range all {
		if out, err := exec.Command("dpkg", "-x", deb, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w: %s", deb, err, out)
		}
	}
	if err := os.RemoveAll(debs); err != nil {
		return err
	}
	return finishRoot(dir)
}

// finishScript does what the packages' scripts would have: one /usr,
// directories to mount on, a shell with its applets.
const finishScript = `set -e; cd "$1"
for d in bin sbin lib lib64; do
	mkdir -p usr/$d
	if [ -d $d ] && [ ! -L $d ]; then cp -a $d/. usr/$d/; rm -r $d; fi
	ln -sfn usr/$d $d
done
mkdir -p proc sys dev run tmp root mnt var/log var/tmp lab etc
# No tmp.mount, as Debian has it: the agent's target must do without.
rm -f usr/lib/systemd/system/tmp.mount
rm -rf usr/share/doc usr/share/man usr/share/locale
cp "$2" usr/bin/busybox
for applet in $(busybox --list); do
	[ -e usr/bin/$applet ] || [ -e usr/sbin/$applet ] || [ $applet = init ] || ln -s busybox usr/bin/$applet
done`

func finishRoot(dir string) error {
	if out, err := exec.Command("sh", "-c", finishScript, "sh", dir, busyboxPath).CombinedOutput(); err != nil {
		return fmt.Errorf("finish root: %w: %s", err, out)
	}
	return nil
}

func writeTree(tree string, files map[string]File) error {
	for name, f := range files {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		data, err := f.content()
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, fs.FileMode(f.mode())); err != nil {
			return err
		}
	}
	return nil
}
