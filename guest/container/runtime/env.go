// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// sessionEnv is the environment of a session as libcontainer would prepare it: of several
// values for a name the last counts, and HOME, when it is not set or empty, is that of the
// user in the container's passwd, or "/". Entries are well-formed: rpc/convert has seen to it.
func sessionEnv(c *Container, p *specs.Process) []string {
	env := make([]string, 0, len(p.Env)+1)
	seen := make(map[string]bool, len(p.Env))
	for i := len(p.Env) - 1; i >= 0; i-- {
		kv := p.Env[i]
		name, value, _ := strings.Cut(kv, "=")
		if seen[name] || name == "HOME" && value == "" {
			continue
		}
		seen[name] = true
		env = append(env, kv)
	}
	slices.Reverse(env)
	if !seen["HOME"] {
		env = append(env, "HOME="+home(c, int(p.User.UID)))
	}
	return env
}

// maxPasswd bounds what is read of a container's passwd, in bytes.
const maxPasswd = 1 << 20

// fallbackHome is where a user without an entry in passwd is at home.
const fallbackHome = "/"

// home looks a user up in the container's own passwd, as init's root shows it. The file is
// the container's: links in it lead nowhere but into the container, and one that is no
// regular file, such as a FIFO that nobody writes, must not hold the agent up.
func home(c *Container, uid int) string {
	f, err := openPasswd(fmt.Sprintf("%s/%d/root", c.options.Proc, c.init.Pid))
	if err != nil {
		return fallbackHome
	}
	defer f.Close()
	users, err := user.ParsePasswdFilter(io.LimitReader(f, maxPasswd), func(u user.User) bool { return u.Uid == uid })
	if err != nil || len(users) == 0 || users[0].Home == "" {
		return fallbackHome
	}
	return users[0].Home
}

func openPasswd(root string) (*os.File, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, "etc/passwd", &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, fmt.Errorf("passwd of the container is no regular file (%w)", err)
	}
	return os.NewFile(uintptr(fd), "passwd"), nil
}
