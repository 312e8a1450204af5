// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	docs := flag.String("docs", "docs", "directory of the documentation")
	man := flag.String("man", "", "write only the agent's manual page, into this `directory`")
	flag.Parse()
	dir, files := *docs, outputs()
	if *man != "" {
		dir, files = *man, map[string][]byte{"kata-agent.8": manual()}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gendoc:", err)
			os.Exit(1)
		}
	}
}

// outputs maps a path below docs to its content.
func outputs() map[string][]byte {
	return map[string][]byte{
		"configuration.md":           markdown(),
		"samples/configuration.toml": sample(),
	}
}
