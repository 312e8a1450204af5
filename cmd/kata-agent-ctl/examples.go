// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const examples = `An agent on this machine, for a try (as root; in a mount namespace, so that it has a /run of its own):

  export KATA_AGENT_SERVER_ADDR=unix:///tmp/agent.sock
  unshare -m sh -c 'mount --make-rprivate /; mount -t tmpfs tmpfs /run; exec kata-agent' &

Is it there, and what is it:

  kata-agent-ctl connect -c Check -c GetGuestDetails
  kata-agent-ctl connect -c Version Check          # more than one command behind one -c

A container from an OCI bundle, with its output and exit status:

  kata-agent-ctl run --rm ./bundle
  kata-agent-ctl run --id c1 --detach ./bundle
  kata-agent-ctl exec c1 -- ls -l /
  kata-agent-ctl shell c1

The same by hand:

  kata-agent-ctl connect --bundle-dir ./bundle -c 'CreateSandbox sid=s1' 'CreateContainer cid=c1' \
      StartContainer 'SignalProcess signal=KILL' WaitProcess RemoveContainer DestroySandbox

Agents in virtual machines:

  kata-agent-ctl --server-address vsock://3:1024 call Check
  kata-agent-ctl --server-address unix:///run/vc/vm/$id/clh.sock --hybrid-vsock call Check
  kata-agent-ctl --server-address hvsock:///run/vc/firecracker/$id/root/kata.hvsock:1024 call Check

Any call, with what is in it:

  kata-agent-ctl list
  kata-agent-ctl list UpdateInterface
  kata-agent-ctl call UpdateInterface --file eth0.json
`

func newExamples() *cobra.Command {
	return &cobra.Command{
		Use:     "examples",
		Short:   "Show examples",
		Example: "  kata-agent-ctl examples",
		Args:    cobra.NoArgs,
		Run:     func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), examples) },
	}
}
