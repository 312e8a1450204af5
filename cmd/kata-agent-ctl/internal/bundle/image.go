// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Process of an image that names no user, program, path or directory.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// refName is the annotation that names an image in an OCI layout: image-spec, annotations.md.
const refName = "org.opencontainers.image.ref.name"

// OpenImage opens an image on this machine: a directory in the OCI layout, with :tag behind it if there
// are several images in it, or a file that "docker save" has written.
func OpenImage(where string) (v1.Image, error) {
	info, err := os.Stat(where)
	tag := ""
	if err != nil {
		dir, behind, ok := cutTag(where)
		if !ok {
			return nil, fmt.Errorf("image: %w", err)
		}
		where, tag = dir, behind
		if info, err = os.Stat(where); err != nil {
			return nil, fmt.Errorf("image: %w", err)
		}
	}
	if !info.IsDir() {
		return tarball.ImageFromPath(where, nil)
	}
	index, err := layout.ImageIndexFromPath(where)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", where, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", where, err)
	}
	var found []v1.Descriptor
	for _, m := range manifest.Manifests {
		if tag == "" || m.Annotations[refName] == tag {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("image %s: %d images fit, one is wanted: name it by :tag", where, len(found))
	}
	return index.Image(found[0].Digest)
}

func cutTag(where string) (dir, tag string, ok bool) {
	i := strings.LastIndexByte(where, ':')
	if i <= 0 || strings.Contains(where[i:], "/") {
		return "", "", false
	}
	return where[:i], where[i+1:], true
}

// Unpack puts the files of an image below dir, by tar(1).
func Unpack(image v1.Image, dir string) error {
	files := mutate.Extract(image)
	defer files.Close()
	tar := exec.Command("tar", "-x", "-p", "--numeric-owner", "-f", "-", "-C", dir)
	tar.Stdin = files
	if out, err := tar.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack the image: %w: %s", err, strings.TrimSpace(string(out)))
	}
	_, err := io.Copy(io.Discard, files) // the padding behind the archive, and what went wrong in a layer
	return err
}

// ProcessOf is what an image runs.
func ProcessOf(image v1.Image) (*specs.Process, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	c := file.Config
	p := &specs.Process{Args: append(append([]string{}, c.Entrypoint...), c.Cmd...), Env: c.Env, Cwd: c.WorkingDir}
	if len(p.Args) == 0 {
		p.Args = []string{"/bin/sh"}
	}
	if len(p.Env) == 0 {
		p.Env = []string{defaultPath}
	}
	if p.Cwd == "" {
		p.Cwd = "/"
	}
	uid, gid, _ := strings.Cut(c.User, ":")
	for text, to := range map[string]*uint32{uid: &p.User.UID, gid: &p.User.GID} {
		if text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, errors.New("image: user " + c.User + " is a name, and only numbers are known outside of a container: set process.user in config.json")
		}
		*to = uint32(n)
	}
	return p, nil
}
