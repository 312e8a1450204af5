// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/policy/initdata"
	"github.com/kata-containers/kata-agent/guest/policy/policyfile"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// devices is where block devices are.
const devices = "/dev"

// readInitData takes over what the host has handed to the guest on a block device, nil if nothing.
func readInitData(log *zap.Logger) (*initdata.Document, error) {
	d, err := initdata.Find(devices)
	if err != nil || d == nil {
		return nil, err
	}
	log.Info("init data", zap.String("device", d.Device), zap.String("algorithm", d.Algorithm), zap.String("digest", d.Digest))
	return d, d.Write(initdata.Dir)
}

// policyGate decides about requests. The build tag agent_policy chooses between the one there is,
// and nil.
type policyGate interface {
	server.Gate
	rpc.Policy
	// Active tells whether there is a policy.
	Active() bool
	// Load puts a document in force; name is what its messages call it.
	Load(name, text string) error
}

// startPolicy puts the policy in force that the guest was given: the configured file or the image's,
// and in its place the one in the init data. Without a gate to enforce it, or if it is unusable, the
// agent must not run: a guest that was to be restricted would run without its restrictions.
func startPolicy(cfg *config.Config, data *initdata.Document, log *zap.Logger) (policyGate, error) {
	path, err := policyfile.Locate(cfg.PolicyFile, policyfile.Default)
	if err != nil {
		return nil, err
	}
	gate := newGate(log)
	if path != "" {
		if err := loadFile(gate, path); err != nil {
			return nil, err
		}
		log.Info("policy", zap.String("file", path))
	}
	if text, ok := data.Policy(); ok {
		if gate == nil {
			return nil, unenforced("in the init data on " + data.Device)
		}
		if err := gate.Load("agent_policy", text); err != nil {
			return nil, fmt.Errorf("init data on %s: %w", data.Device, err)
		}
		log.Info("policy", zap.String("init data", data.Device))
	}
	return gate, nil
}

func loadFile(gate policyGate, path string) error {
	if gate == nil {
		return unenforced(path)
	}
	text, err := policyfile.Read(path)
	if err != nil {
		return err
	}
	return gate.Load(path, text)
}

func unenforced(policy string) error {
	return fmt.Errorf("policy %s cannot be enforced: this agent is built without policy", policy)
}
