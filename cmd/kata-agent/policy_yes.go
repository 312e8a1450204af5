// SPDX-License-Identifier: Apache-2.0

//go:build agent_policy

package main

import (
	"github.com/kata-containers/kata-agent/rpc/policy"
	"go.uber.org/zap"
)

// policyBuilt says whether this build has the policy engine.
const policyBuilt = true

func newGate(log *zap.Logger) policyGate { return policy.New(log) }
