// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/kata-agent/test/guard"
)

func TestCDIDevices(t *testing.T) {
	annotations := map[string]string{"cdi.k8s.io/b": "nvidia.com/gpu=1", "cdi.k8s.io/a": "nvidia.com/gpu=0,intel.com/qat=x", "other": "x"}
	tests := []struct {
		env     string
		fromEnv bool
		want    string // of the environment's part
	}{
		{"nvidia.com/gpu=all", false, ""}, {"nvidia.com/gpu=all", true, "nvidia.com/gpu=all"}, {"", true, ""}, {"none", true, ""}, {"void", true, ""},
		{"nvidia.com/gpu=0,2:amd.com/gpu=3", true, "nvidia.com/gpu=2,amd.com/gpu=3"}, // 0 is there already
		{"nvidia.com/gpu=all,1", true, "!both"}, {"0", true, "!form"}, {"=0", true, "!form"}, {"nvidia.com/gpu=", true, "!form"},
		{"nvidia.com/gpu=x", true, "!index"}, {"nvidia.com/gpu=4294967296", true, "!index"}, {"nvidia.com/gpu=-1", true, "!index"},
		{"gpu=1", true, "!not a CDI device name"}, {"nvidia.com/gpu=0:", true, "!form"},
	}
	for _, tt := range tests {
		spec := &specs.Spec{Annotations: annotations, Process: &specs.Process{Env: []string{"A=1", "VISIBLE_CDI_DEVICES=" + tt.env}}}
		got, err := CDIDevices(spec, tt.fromEnv)
		if text, isErr := strings.CutPrefix(tt.want, "!"); isErr {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%q: got %v, %v, want an error with %q", tt.env, got, err, text)
			}
			continue
		}
		want := []string{"nvidia.com/gpu=0", "intel.com/qat=x", "nvidia.com/gpu=1"}
		if tt.want != "" {
			want = append(want, strings.Split(tt.want, ",")...)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v; want %v", tt.env, got, err, want)
		}
	}
	sandbox := &specs.Spec{Annotations: map[string]string{containerType: sandboxContainer, "cdi.k8s.io/a": "bad"}}
	if got, err := CDIDevices(sandbox, true); got != nil || err != nil {
		t.Errorf("sandbox: got %v, %v", got, err)
	}
	if _, err := CDIDevices(&specs.Spec{Annotations: map[string]string{"cdi.k8s.io/a": "bad"}}, false); err == nil {
		t.Error("a bad name was accepted")
	}
}

const gpuSpec = `{"cdiVersion":"0.6.0","kind":"nvidia.com/gpu",
"devices":[{"name":"0","containerEdits":{"env":["GPU=0"],"deviceNodes":[{"path":"/dev/null"}]}},{"name":"all","containerEdits":{"env":["GPU=all"]}}],
"containerEdits":{"mounts":[{"hostPath":"/a","containerPath":"/b"}]}}`

func writeCDI(t *testing.T, dir, name, text string) {
	t.Helper()
	// As a whole: a reader must not see half of it.
	if err := os.WriteFile(filepath.Join(dir, "."+name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "."+name), filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func newSpec() *specs.Spec {
	return &specs.Spec{Version: "1.0.2", Process: &specs.Process{}, Linux: &specs.Linux{}}
}

func TestInject(t *testing.T) {
	dir := t.TempDir()
	writeCDI(t, dir, "gpu.json", gpuSpec)
	spec := newSpec()
	if err := (CDI{dir}).Inject(t.Context(), spec, []string{"nvidia.com/gpu=0"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(spec.Process.Env, []string{"GPU=0"}) || len(spec.Mounts) != 1 || len(spec.Linux.Devices) != 1 || spec.Linux.Devices[0].Major != 1 {
		t.Errorf("got %+v, %+v, %+v", spec.Process.Env, spec.Mounts, spec.Linux.Devices)
	}
	if err := (CDI{dir}).Inject(t.Context(), nil, nil, 0); err != nil {
		t.Errorf("no devices: %v", err)
	}
}

func TestInjectLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cdi")
	spec := newSpec()
	done := make(chan error, 1)
	go func() { done <- (CDI{dir}).Inject(t.Context(), spec, []string{"nvidia.com/gpu=all"}, time.Hour) }()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeCDI(t, dir, "gpu.json", gpuSpec)
	if err := guard.Receive(t, "the device is noticed", done); err != nil || !slices.Equal(spec.Process.Env, []string{"GPU=all"}) {
		t.Errorf("got %v, %v", spec.Process.Env, err)
	}
}

func TestInjectFailures(t *testing.T) {
	dir := t.TempDir()
	writeCDI(t, dir, "gpu.json", gpuSpec)
	writeCDI(t, dir, "bad.json", "{")
	c := CDI{dir}
	err := c.Inject(t.Context(), newSpec(), []string{"nvidia.com/gpu=0", "nvidia.com/gpu=7"}, time.Hour)
	if err == nil || !strings.Contains(err.Error(), "CDI device(s) nvidia.com/gpu=7 do not exist; ") || !strings.Contains(err.Error(), "nvidia.com/gpu=0") {
		t.Errorf("a missing device of a known kind: %v, want an error with %q", err, "CDI device(s) nvidia.com/gpu=7 do not exist; ")
	}
	err = c.Inject(t.Context(), newSpec(), []string{"amd.com/gpu=0"}, time.Second)
	if err == nil || !strings.HasPrefix(err.Error(), "failed to inject devices after CDI timeout of 1 seconds") ||
		!strings.Contains(err.Error(), "amd.com/gpu=0") || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("an unknown kind: %v, want an error with %q", err, "failed to inject devices after CDI timeout of 1 seconds")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Inject(ctx, newSpec(), []string{"amd.com/gpu=0"}, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that is gone: %v, want %v", err, context.Canceled)
	}
}
