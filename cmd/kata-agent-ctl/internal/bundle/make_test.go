// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// layer is one of an image, with files of the given content.
func layer(t *testing.T, files map[string]string) v1.Layer {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, content := range files {
		header := &tar.Header{Name: name, Mode: 0o640, Size: int64(len(content)), Uid: os.Getuid(), Gid: os.Getgid()}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// image has a file of each of its two layers, and one that the upper layer has removed.
func image(t *testing.T, user string) v1.Image {
	t.Helper()
	i, err := mutate.AppendLayers(empty.Image,
		layer(t, map[string]string{"etc/lower": "low", "etc/gone": "x"}), layer(t, map[string]string{"upper": "up", "etc/.wh.gone": ""}))
	if err == nil {
		i, err = mutate.Config(i, v1.Config{Entrypoint: []string{"/run"}, Cmd: []string{"now"}, Env: []string{"A=b"}, WorkingDir: "/srv", User: user})
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// ociLayout is a directory with images by tag.
func ociLayout(t *testing.T, images map[string]v1.Image) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for tag, i := range images {
		if err := l.AppendImage(i, layout.WithAnnotations(map[string]string{refName: tag})); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBundleOfAnImage(t *testing.T) {
	other := image(t, "7")
	where := map[string]string{
		"layout":        ociLayout(t, map[string]v1.Image{"latest": image(t, "1000:50")}),
		"layout by tag": ociLayout(t, map[string]v1.Image{"latest": other, "v2": image(t, "1000:50")}) + ":v2",
	}
	for name, from := range where {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "bundle")
			if err := Make(dir, from); err != nil {
				t.Fatal(err)
			}
			spec, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			p := spec.Process
			if !slices.Equal(p.Args, []string{"/run", "now"}) || !slices.Equal(p.Env, []string{"A=b"}) || p.Cwd != "/srv" || p.User.UID != 1000 || p.User.GID != 50 {
				t.Errorf("process %+v, want that of the image", p)
			}
			for file, want := range map[string]string{"upper": "up", "etc/lower": "low"} {
				if got, err := os.ReadFile(filepath.Join(spec.Root.Path, file)); err != nil || string(got) != want {
					t.Errorf("%s has %q, %v, want %q", file, got, err, want)
				}
			}
			if _, err := os.Lstat(filepath.Join(spec.Root.Path, "etc/gone")); !os.IsNotExist(err) {
				t.Errorf("a file that the upper layer has removed: %v, want none", err)
			}
		})
	}
}

// A bundle that cannot be made leaves nothing behind, and nothing that was there is touched.
func TestBundleThatCannotBeMade(t *testing.T) {
	two := ociLayout(t, map[string]v1.Image{"a": image(t, "1"), "b": image(t, "2")})
	for from, want := range map[string]string{
		two:              "2 images fit",
		two + ":c":       "0 images fit",
		"/not/there":     "no such file",
		"/not/there:tag": "no such file",
		ociLayout(t, map[string]v1.Image{"latest": image(t, "root")}): "user root is a name",
	} {
		dir := filepath.Join(t.TempDir(), "bundle")
		if err := Make(dir, from); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", from, err, want)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: %v, want nothing left behind", from, err)
		}
	}
	dir := t.TempDir()
	kept := filepath.Join(dir, "rootfs", "kept")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Make(dir, ""); err == nil {
		t.Error("a bundle is made where there is one, want an error")
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what was there is gone: %v", err)
	}
}
