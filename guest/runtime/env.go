// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// sessionEnv is the environment of a session as libcontainer would prepare it: of several
// values for a name the last counts, and HOME, when it is not set or empty, is that of the
// user in the container's passwd, or "/".
func sessionEnv(c *Container, p *specs.Process) ([]string, error) {
	env := make([]string, 0, len(p.Env)+1)
	seen := make(map[string]bool, len(p.Env))
	for i := len(p.Env) - 1; i >= 0; i-- {
		kv := p.Env[i]
		name, value, ok := strings.Cut(kv, "=")
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("malformed OCI env entry %q", kv)
		case strings.IndexByte(kv, 0) >= 0:
			return nil, fmt.Errorf("environment variable %q holds a zero byte", name)
		case seen[name] || name == "HOME" && value == "":
			continue
		}
		seen[name] = true
		env = append(env, kv)
	}
	slices.Reverse(env)
	if !seen["HOME"] {
		env = append(env, "HOME="+home(c, int(p.User.UID)))
	}
	return env, nil
}

// home looks a user up in the container's own passwd, as init's root shows it; symlinks in
// it lead nowhere but into the container.
func home(c *Container, uid int) string {
	const fallback = "/"
	root := fmt.Sprintf("%s/%d/root", c.options.Proc, c.init.Pid)
	handle, err := pathrs.OpenInRoot(root, "etc/passwd")
	if err != nil {
		return fallback
	}
	defer handle.Close()
	f, err := pathrs.Reopen(handle, 0)
	if err != nil {
		return fallback
	}
	defer f.Close()
	users, err := user.ParsePasswdFilter(f, func(u user.User) bool { return u.Uid == uid })
	if err != nil || len(users) == 0 || users[0].Home == "" {
		return fallback
	}
	return users[0].Home
}
