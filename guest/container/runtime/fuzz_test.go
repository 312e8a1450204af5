// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/sys/user"
)

// FuzzPasswd looks users up in the passwd and group files that a container has written.
func FuzzPasswd(f *testing.F) {
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"), []byte("wheel:x:10:user,root\n"), 1000)
	f.Add([]byte("::::::::\n\n:x:\nroot:x:99999999999999999999:0"), []byte(":::::"), 0)
	f.Add([]byte("a:x:-1:-1:::\n+\n-\n"), []byte("g:x:1:"), -1)
	f.Fuzz(func(t *testing.T, passwd, group []byte, uid int) {
		proc := t.TempDir()
		etc := filepath.Join(proc, "1/root/etc")
		if err := os.MkdirAll(etc, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(etc, "passwd"), passwd, 0o600); err != nil {
			t.Fatal(err)
		}
		c := &Container{options: Options{Proc: proc}, init: &Process{Pid: 1}}
		if home := home(c, uid); home == "" {
			t.Error("a home without a name")
		}
		// libcontainer's init reads both.
		_, _ = user.GetExecUser("1000:10", &user.ExecUser{Home: "/"}, bytes.NewReader(passwd), bytes.NewReader(group))
		_, _ = user.GetAdditionalGroups([]string{"10", "wheel"}, bytes.NewReader(group))
	})
}
