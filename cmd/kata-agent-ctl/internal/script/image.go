// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Where Kata's tool puts images and bundles, beside an agent on this machine.
const (
	defaultImageDir = "/run/kata-containers"
	imageDir        = "test_image"
	bundleDir       = "testing"
)

// places are the directories of a container's image and of its bundle.
func (v *Values) places(id string) (image, bundle string) {
	root := v.ImageDir
	if root == "" {
		root = defaultImageDir
	}
	return filepath.Join(root, imageDir, "oci-"+id), filepath.Join(root, bundleDir, id)
}

// unpack makes a bundle of a registry's image with skopeo and umoci, and returns its directory.
func (v *Values) unpack(image, id string) (string, error) {
	if id != filepath.Base(id) || id == ".." || id == "." {
		return "", fmt.Errorf("id %q is not the name of a directory", id)
	}
	copied, dir := v.places(id)
	if err := v.removeBundle(id); err != nil {
		return "", err
	}
	for _, d := range []string{filepath.Dir(copied), filepath.Dir(dir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{
		{"skopeo", "copy", "docker://" + strings.TrimPrefix(image, "docker://"), "oci:" + copied + ":latest"},
		{"umoci", "unpack", "--image", copied + ":latest", dir},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("image %s (a bundle with --bundle-dir needs no tools): %s: %w\n%s",
				image, args[0], err, strings.TrimSpace(string(out)))
		}
	}
	return dir, nil
}

// removeBundle removes what unpack has left for a container, if it has.
func (v *Values) removeBundle(id string) error {
	if id == "" || id != filepath.Base(id) || id == ".." || id == "." {
		return nil
	}
	copied, dir := v.places(id)
	for _, d := range []string{copied, dir} {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	return nil
}
