// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"time"

	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/logging"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
)

// logLimit bounds the log lines that wait for a slow console, in bytes.
const logLimit = 1 << 20

// flushTimeout bounds the wait for the last lines when the agent ends.
const flushTimeout = time.Second

// logger is the agent's logger with the queue behind it.
type logger struct {
	*zap.Logger
	queue  *logging.Queue
	recent *logging.Recent
}

func newLogger(cfg *config.Config) *logger {
	level, err := logging.ParseLevel(string(cfg.LogLevel))
	if err != nil {
		level = zap.InfoLevel
	}
	q := logging.NewQueue(logLimit, os.Stdout)
	recent := &logging.Recent{}
	l := logging.New(q, zap.NewAtomicLevelAt(level), os.Getpid(), recent)
	logging.BridgeLogrus(logrus.StandardLogger(), l) // libcontainer logs through it
	return &logger{l, q, recent}
}

func (l *logger) announce(cfg *config.Config, asInit bool) {
	logging.Announce(l.Logger, logging.Build{
		Version: version, Commit: commit, APIVersion: rpc.APIVersion, Features: features(),
	}, cfg.Dump(), zap.Bool("init", asInit))
}

func (l *logger) close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	_ = l.queue.Close(ctx)
}

// features are what this build has beyond the least, sorted.
func features() (all []string) {
	if policyBuilt {
		all = append(all, "agent-policy")
	}
	if rpc.SeccompBuilt {
		all = append(all, "seccomp")
	}
	return all
}
