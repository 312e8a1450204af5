// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"

	"github.com/kata-containers/kata-agent/guest/components"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/policy/initdata"
	"go.uber.org/zap"
)

// variantEnv names the build of a component to start from an extension image. The guest's init sets it.
const variantEnv = "KATA_ATTESTER_VARIANT"

// planComponents says which guest components to start: all that are configured, or none if the image lacks
// one of them.
func planComponents(cfg *config.Config, data *initdata.Document, log *zap.Logger) (components.Plan, error) {
	p, err := components.MakePlan(components.Options{
		Last: cfg.GuestComponentsProcs, Features: cfg.GuestComponentsRESTAPI, Timeout: cfg.LaunchProcessTimeout,
		InitData: data != nil, HTTPSProxy: string(cfg.HTTPSProxy), NoProxy: cfg.NoProxy, Variant: os.Getenv(variantEnv),
	})
	if err != nil || len(p.Missing) == 0 {
		return p, err
	}
	missing := zap.String("missing", strings.Join(p.Missing, " "))
	if len(p.Missing) < len(p.Processes) || cfg.GuestComponentsAsked {
		log.Warn("no guest components: the image lacks their programs", missing)
	} else {
		log.Debug("an image without guest components", missing)
	}
	p.Processes = nil
	return p, nil
}
