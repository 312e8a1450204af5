// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	_ "github.com/kata-containers/kata-agent/guest/reexec" // first: the children of libcontainer go no further

	"github.com/kata-containers/kata-agent/guest/config"
)

// cmdline is where the kernel shows its command line.
const cmdline = "/proc/cmdline"

// Set by the linker.
var (
	version = "unknown"
	commit  = "unknown"
)

func main() {
	os.Exit(run())
}

// run is main with an exit status: 0 after DestroySandbox or SIGTERM, 1 when the agent
// could not start or had to end.
func run() int {
	args, status, done := parse(os.Args[1:])
	if done {
		return status
	}
	cfg, warnings, err := config.Load(config.Sources{File: args.Config, Cmdline: cmdline, Environ: os.Environ()})
	if err != nil {
		fmt.Fprintln(os.Stderr, "kata-agent:", err)
		return 1
	}
	log := newLogger(cfg)
	defer log.close()
	for _, w := range warnings {
		log.Warn("configuration: " + w.String())
	}
	log.announce(cfg)
	if err := serve(cfg, log.Logger); err != nil {
		log.Error("agent ends: " + err.Error())
		fmt.Fprintln(os.Stderr, "kata-agent:", err)
		return 1
	}
	fmt.Fprintln(os.Stderr, "kata-agent shutdown complete")
	return 0
}
