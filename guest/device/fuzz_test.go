// SPDX-License-Identifier: Apache-2.0

package device

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// FuzzCDI reads specifications of devices, which programs of the guest write, and what containers ask
// for by annotation and environment.
func FuzzCDI(f *testing.F) {
	f.Add(`{"cdiVersion":"0.6.0","kind":"v.com/gpu","devices":[{"name":"0","containerEdits":{"env":["A=1"],"deviceNodes":[{"path":"/dev/null"}]}}],"containerEdits":{"mounts":[{"hostPath":"/a","containerPath":"/b"}]}}`, "v.com/gpu=0", "v.com/gpu=0,1")
	f.Add("cdiVersion: 0.5.0\nkind: v.com/gpu\ndevices:\n- name: all\n  containerEdits: {}\n", "v.com/gpu=all", "all")
	f.Add("{", "x", "v.com/gpu=99999999999999")
	f.Fuzz(func(t *testing.T, text, annotation, variable string) {
		spec := &specs.Spec{
			Annotations: map[string]string{cdiAnnotation + "x": annotation},
			Process:     &specs.Process{Env: []string{cdiVariable + "=" + variable}},
		}
		devices, err := CDIDevices(spec, true)
		if err != nil || len(devices) > 100 {
			return
		}
		dir := t.TempDir()
		for _, name := range []string{"a.json", "b.yaml"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_ = CDI{Dir: dir}.Inject(t.Context(), spec, devices, time.Nanosecond)
	})
}

// FuzzRequests takes devices as hosts name them, and environments with addresses of theirs.
func FuzzRequests(f *testing.F) {
	f.Add("blk", "02/00", "/dev/xda", "0000:01:00.0=02/00", "PCIDEVICE_X=0000:01:00.0,0000:02:00.0")
	f.Add("scsi", "1:0", "/dev/sda", "", "PCIDEVICE_=x")
	f.Add("vfio-pci-gk", "/dev/vfio/7", "/dev/vfio/7", "0000:01:00.0=02/00", "")
	f.Add("vfio-ap-cold", "", "", "00.0001", "X")
	f.Add("mmioblk", "/dev/vda", "", "", "")
	f.Fuzz(func(t *testing.T, kind, path, inside, option, variable string) {
		r := Request{ID: "d", Type: kind, VMPath: path, ContainerPath: inside, Options: []string{option}}
		if r.Validate() != nil {
			return
		}
		if m, err := r.Matcher(); err == nil && m != nil {
			_ = m.String()
		}
		_, _ = r.APQueues()
		env, left, err := RewriteEnv([]string{variable}, PCIMap{})
		if err == nil && (len(env) != 1 || len(left) > 1) {
			t.Errorf("%q became %q, %q", variable, env, left)
		}
	})
}
