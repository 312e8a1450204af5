// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Where Kata's tool puts images and bundles, in the guest or beside an agent on this machine.
const (
	imageRoot  = "/run/kata-containers/test_image"
	bundleRoot = "/run/kata-containers/testing"
)

// unpack makes a bundle of a registry's image with skopeo and umoci, and returns its directory.
func unpack(image, id string) (string, error) {
	if id != filepath.Base(id) || id == ".." || id == "." {
		return "", fmt.Errorf("id %q is not the name of a directory", id)
	}
	copied := filepath.Join(imageRoot, "oci-"+id)
	dir := filepath.Join(bundleRoot, id)
	if err := removeBundle(id); err != nil {
		return "", err
	}
	for _, d := range []string{imageRoot, bundleRoot} {
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
func removeBundle(id string) error {
	if id == "" || id != filepath.Base(id) || id == ".." || id == "." {
		return nil
	}
	for _, d := range []string{filepath.Join(imageRoot, "oci-"+id), filepath.Join(bundleRoot, id)} {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	return nil
}
