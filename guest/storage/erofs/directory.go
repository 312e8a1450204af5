// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
)

var errTemplate = errors.New(`not of the form "{{ mount <number> }}/<path>"`)

// directory is a directory that a host wants made in a layer before the overlay is
// mounted, given as "{{ mount N }}/path" and perhaps ":mode:uid:gid", which counts for
// nothing. N is 0 for the upper layer and from 1 on for the lower ones (containerd's
// templates of mount options).
type directory struct {
	text  string
	layer int
	path  string // relative to the layer's root
}

func parseDirectory(text string) (directory, error) {
	name, _, _ := strings.Cut(text, ":")
	template, rest, closed := strings.Cut(name, "}}")
	inside, opened := strings.CutPrefix(template, "{{")
	words := strings.Fields(inside)
	if !opened || !closed || len(words) != 2 || words[0] != "mount" || strings.Contains(rest, "{{") {
		return directory{}, errTemplate
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 0 {
		return directory{}, errTemplate
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == ".." {
			return directory{}, errors.New(`it has a ".."`)
		}
	}
	rest = strings.TrimLeft(rest, "/")
	if rest == "" {
		rest = "."
	}
	return directory{text: text, layer: n, path: rest}, nil
}

// make makes the directory in the layer with this root. Links in the layer are followed
// as if that root were "/".
func (d directory) make(root *os.File) error {
	f, _, err := safepath.At(root, safepath.Rebase).MkdirAll(d.path, 0o755)
	if err != nil {
		return fmt.Errorf("make the directory of option %s%s: %w", mkdirOption, d.text, err)
	}
	return f.Close()
}
