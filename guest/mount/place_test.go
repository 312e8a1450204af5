// SPDX-License-Identifier: Apache-2.0

package mount

import "testing"

func TestConfinedRoot(t *testing.T) {
	for target, want := range map[string]string{
		"/run/kata-containers/c/rootfs":                "/run/kata-containers",
		"/run/kata-containers":                         "",
		"/run/kata-containersx/y":                      "",
		"/run/user/1000/run/kata-containers/c":         "/run/user/1000/run/kata-containers",
		"/run/user/1000/kata-containers/c":             "",
		"/run/user/1000/other/run/kata-containers/c/d": "",
		"/dev/shm": "",
	} {
		if got := (Mounter{}).confinedRoot(target); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}
