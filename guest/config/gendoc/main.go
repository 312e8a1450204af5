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
	flag.Parse()
	for name, content := range outputs() {
		if err := os.WriteFile(filepath.Join(*docs, name), content, 0o644); err != nil {
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
