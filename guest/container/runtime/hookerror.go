// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// What libcontainer says of a createContainer hook that fails in the container's child: the number of
// the hook in the list, and how it has ended. The two parts of its output follow.
const (
	hookFailed = "error running createContainer hook #"
	hookStdout = ", stdout: "
	hookStderr = ", stderr: "
)

// nameHook puts the path of a createContainer hook that has failed into the error, and its output in
// the form that runHook has. Any other error stays what it is.
func nameHook(err error, hooks *specs.Hooks) error {
	if err == nil || hooks == nil {
		return err
	}
	before, rest, found := strings.Cut(err.Error(), hookFailed)
	number, how, colon := strings.Cut(rest, ": ")
	n, bad := strconv.Atoi(number)
	if !found || !colon || bad != nil || n < 0 || n >= len(hooks.CreateContainer) {
		return err
	}
	how, output, _ := strings.Cut(how, hookStdout)
	stdout, stderr, _ := strings.Cut(output, hookStderr)
	said := strings.TrimSpace(strings.TrimSpace(stdout) + "\n" + strings.TrimSpace(stderr))
	if len(said) > maxHookOutput {
		said = said[:maxHookOutput]
	}
	text := fmt.Sprintf("%s%s%s: hook %s: %s", before, hookFailed, number, hooks.CreateContainer[n].Path, strings.TrimSpace(how))
	if said != "" {
		text += ": " + said
	}
	return &hookError{text, err}
}

// hookError is libcontainer's error in other words.
type hookError struct {
	text string
	err  error
}

func (e *hookError) Error() string { return e.text }
func (e *hookError) Unwrap() error { return e.err }
