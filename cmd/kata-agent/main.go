// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	_ "github.com/kata-containers/kata-agent/guest/boot/reexec" // first: the children of libcontainer go no further

	"github.com/kata-containers/kata-agent/cmd/kata-agent/internal/cli"
	"github.com/kata-containers/kata-agent/guest/boot/goruntime"
	"github.com/kata-containers/kata-agent/guest/boot/pid1"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/memagent"
	"github.com/kata-containers/kata-agent/guest/sys/oom"
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
	asInit := pid1.Started()
	if len(os.Args) == 2 && os.Args[1] == memagent.CompactWord && !asInit {
		return compactMemory()
	}
	args, err := cli.Parse(os.Args[1:], asInit)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kata-agent:", err)
		return cli.ExitUsage
	}
	switch args.Action {
	case cli.Version:
		fmt.Println(cli.VersionLine(version, commit, features()))
		return 0
	case cli.Help:
		fmt.Print(cli.Usage)
		return 0
	case cli.Init:
		fmt.Fprintln(os.Stderr, "kata-agent: \"init\" is for the children that the agent starts itself")
		return cli.ExitUsage
	}
	return start(args, asInit)
}

// start runs the agent. As init it first makes the guest one that it can run in.
func start(args cli.Invocation, asInit bool) int {
	var problems []error
	booted := pid1.Restarts() > 0 // by the agent before
	if asInit {
		problems = bootGuest(booted)
	}
	unprotected := oom.Protect("/proc")
	goruntime.CollectEarly()
	goruntime.Processors()
	// libcontainer hands this on to its children, whose Go runtimes then boot with one
	// processor; this one has read it already.
	_ = os.Setenv("GOMAXPROCS", "1")
	cfg, warnings, err := config.Load(config.Sources{File: args.ConfigFile, Cmdline: cmdline, Environ: os.Environ()})
	if err != nil {
		fmt.Fprintln(os.Stderr, "kata-agent:", err)
		return 1
	}
	if asInit && !booted {
		problems = append(problems, bootCgroups(cfg))
	}
	log := newLogger(cfg)
	defer log.close()
	if err := goruntime.RelaxMonitor("/proc"); err != nil {
		log.Debug(err.Error()) // an old kernel, or no CAP_SYS_NICE: it sleeps less
	}
	if unprotected != nil {
		log.Info(unprotected.Error()) // without the right to: a developer's machine
	}
	for _, p := range problems {
		if p != nil {
			log.Error(p.Error())
		}
	}
	for _, w := range warnings {
		log.Warn("configuration: " + w.String())
	}
	for _, word := range args.Ignored {
		log.Warn("argument passed over: " + word)
	}
	log.announce(cfg, asInit)
	if err := serve(cfg, log, asInit); err != nil {
		log.Error("agent ends: " + err.Error())
		fmt.Fprintln(os.Stderr, "kata-agent:", err)
		return 1
	}
	fmt.Fprintln(os.Stderr, "kata-agent shutdown complete")
	return 0
}
