// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// hub says of every secret what it stands for, its payload.
type hub struct {
	absent bool
	err    error
}

var errAbsent = errors.New("no hub")

func (h *hub) Present() bool { return !h.absent }

func (h *hub) UnsealSecret(_ context.Context, text string) ([]byte, error) {
	if h.absent {
		return nil, errAbsent
	}
	if h.err != nil {
		return nil, h.err
	}
	plain, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[2])
	return plain, err
}

const sealedText = "sealed.h.e30.s" // its payload is {}

// confider is a container whose pod's directories are in a directory of the test's.
func confider(t *testing.T, h Hub) *container {
	t.Helper()
	root := t.TempDir()
	return &container{id: "c1", options: &Options{BundleRoot: root, Hub: h, Mounts: mount.Mounter{Confined: []string{root}}}}
}

func bind(source, destination string) specs.Mount {
	return specs.Mount{Source: source, Destination: destination, Type: "bind", Options: []string{"rbind", "ro"}}
}

func TestSecretsOfASpec(t *testing.T) {
	c := confider(t, &hub{})
	shared := c.options.BundleRoot + "/shared/containers/"
	if err := os.MkdirAll(shared+"c1-0123-secret", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"c1-0123-secret/password", "c1-0123-hosts", "c1-0123-serviceaccount"} {
		if err := os.WriteFile(shared+name, []byte(sealedText), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spec := &specs.Spec{
		Process: &specs.Process{Env: []string{"A=1", "B=" + sealedText}},
		Mounts: []specs.Mount{
			{Type: "proc", Source: "proc", Destination: "/proc"},
			bind(shared+"c1-0123-secret", "/etc/secret"), bind(shared+"c1-0123-hosts", "/etc/hosts"),
			bind(shared+"c1-0123-serviceaccount", "/sa"), bind("/elsewhere", "/x"),
		},
	}
	out := &made{}
	if err := c.unseal(t.Context(), spec, out); err != nil {
		t.Fatal(err)
	}
	if want := []string{"A=1", "B={}"}; !reflect.DeepEqual(spec.Process.Env, want) {
		t.Errorf("environment %q, want %q", spec.Process.Env, want)
	}
	if len(spec.Mounts) != 6 || spec.Mounts[1].Destination != "/etc/secret" || spec.Mounts[2].Destination != "/etc/secret/password" {
		t.Fatalf("mounts %+v, want one behind that of the volume", spec.Mounts)
	}
	over := spec.Mounts[2]
	if b, err := os.ReadFile(over.Source); string(b) != "{}" || !strings.Contains(strings.Join(over.Options, ","), "ro") {
		t.Errorf("over the file: %q, %v, %v; want the secret, read-only", b, err, over.Options)
	}
	if err := out.undo.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(c.options.BundleRoot, "c1")); len(left) != 0 {
		t.Errorf("left after the undo: %v", left)
	}
}

// TestSecretsWithoutAHub: a secret is an error that names it; files are not looked at, for they may be many.
func TestSecretsWithoutAHub(t *testing.T) {
	for _, h := range []*hub{{absent: true}, {err: errAbsent}} {
		c := confider(t, h)
		spec := &specs.Spec{Process: &specs.Process{Env: []string{"HOST=sealed.example.co.uk"}}}
		if err := c.unseal(t.Context(), spec, &made{}); err != nil {
			t.Errorf("%v, want what is no secret to stay", err)
		}
		spec.Process.Env = append(spec.Process.Env, "PASSWORD="+sealedText)
		err := c.unseal(t.Context(), spec, &made{})
		if !errors.Is(err, errAbsent) || strings.Count(err.Error(), `"PASSWORD"`) != 1 {
			t.Errorf("%v, want %v and the variable's name", err, errAbsent)
		}
	}
	if err := confider(t, nil).unseal(t.Context(), &specs.Spec{}, &made{}); err != nil {
		t.Error(err)
	}
}

func TestPauseProcess(t *testing.T) {
	c := confider(t, nil)
	pause := &specs.Process{Args: []string{"/pause"}}
	c.options.PauseProcess = func() (*specs.Process, error) { return pause, nil }
	own := &specs.Process{Args: []string{"own"}}
	sandbox := map[string]string{"io.kubernetes.cri.container-type": "sandbox"}
	for _, tt := range []struct {
		driver      string
		annotations map[string]string
		want        *specs.Process
	}{
		{"image_guest_pull", sandbox, pause}, {"overlayfs", sandbox, own}, {"image_guest_pull", nil, own},
	} {
		m := &Create{Spec: &specs.Spec{Process: own, Annotations: tt.annotations}, Storages: []volume.Storage{{Driver: tt.driver}}}
		if err := c.pauseProcess(m); err != nil || m.Spec.Process != tt.want {
			t.Errorf("%s %v: %+v, %v; want %+v", tt.driver, tt.annotations, m.Spec.Process, err, tt.want)
		}
	}
	c.options.PauseProcess = func() (*specs.Process, error) { return nil, volume.ErrNoPause }
	m := &Create{Spec: &specs.Spec{Process: own, Annotations: sandbox}, Storages: []volume.Storage{{Driver: "image_guest_pull"}}}
	if err := c.pauseProcess(m); !errors.Is(err, volume.ErrNoPause) {
		t.Errorf("%v, want %v", err, volume.ErrNoPause)
	}
}
