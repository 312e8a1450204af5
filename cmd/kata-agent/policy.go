// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/initdata"
	"github.com/kata-containers/kata-agent/guest/policyfile"
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

// refusePolicy is the error of an agent that has been given a policy and cannot enforce it: a guest
// that was to be restricted must not run without its restrictions.
func refusePolicy(cfg *config.Config, data *initdata.Document) error {
	path, err := policyfile.Locate(cfg.PolicyFile, policyfile.Default)
	if err != nil {
		return err
	}
	if path == "" && data != nil {
		if _, ok := data.Policy(); ok {
			path = "in the init data on " + data.Device
		}
	}
	if path != "" {
		return fmt.Errorf("policy %s cannot be enforced: this agent is built without policy", path)
	}
	return nil
}
