// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/trial"
	"github.com/kata-containers/kata-agent/guest/policy"
	"github.com/kata-containers/kata-agent/guest/policy/policyfile"
	"github.com/spf13/cobra"
)

func newPolicy(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "policy",
		Short:   "Try a policy here, or see what an agent's has decided",
		Example: "  kata-agent-ctl policy check policy.rego",
		GroupID: "call",
	}
	cmd.AddCommand(newPolicyCheck(), newPolicyEval(), newPolicyDecisions(g))
	return cmd
}

func newPolicyCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check <file>",
		Short:   "Tell whether an agent can load a policy",
		Example: "  kata-agent-ctl policy check policy.rego",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := compilePolicy(args[0])
			return err
		},
	}
}

func newPolicyEval() *cobra.Command {
	return &cobra.Command{
		Use:   "eval <policy> <requests>",
		Short: "Tell what a policy says about requests",
		Long: `Tell what a policy says about requests, without an agent. They are JSON objects, in a file or, with
-, on standard input:

  {"method": "ExecProcess", "request": {"container_id": "c1", "process": {"Args": ["ls"]}}}
  {"kind": "ExecProcessRequest", "request": {...}}

The first form is a call as "kata-agent-ctl call" takes it; the second has the document that the rules
read. The requests are asked about in their order, and each sees the state that those before it have
left. The exit status is 1 unless all of them are allowed.`,
		Example: "  kata-agent-ctl policy eval policy.rego requests.json",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := compilePolicy(args[0])
			if err != nil {
				return err
			}
			in := cmd.InOrStdin()
			if args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			requests, err := trial.Read(in)
			if err != nil {
				return fmt.Errorf("%s: %w", args[1], err)
			}
			if !trial.Run(cmd.Context(), cmd.OutOrStdout(), p, requests) {
				return exitStatus(1)
			}
			return nil
		},
	}
}

func compilePolicy(file string) (*policy.Policy, error) {
	text, err := policyfile.Read(file)
	if err != nil {
		return nil, err
	}
	return policy.Compile(file, text)
}

func newPolicyDecisions(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "decisions",
		Short: "Show the last decisions of an agent's policy",
		Long: `Show the last decisions of an agent's policy as lines of JSON, the oldest first. Decisions that need
no evaluation are shown if they were refusals. The agent's policy must allow GetDiagnosticDataRequest.`,
		Example: "  kata-agent-ctl policy decisions",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			decisions, err := c.Diagnostic(cmd.Context(), "policy_decisions")
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), decisions)
			return err
		},
	}
}
