// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/logging"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logLimit bounds the log lines that wait for a slow console, in bytes.
const logLimit = 1 << 20

// flushTimeout bounds the wait for the last lines when the agent ends.
const flushTimeout = time.Second

// logger is the agent's logger with the queue behind it.
type logger struct {
	*zap.Logger
	queue      *logging.Queue
	recent     *logging.Recent
	level      zap.AtomicLevel
	configured zapcore.Level
	retune     func() // has libcontainer's lines follow the level
}

func newLogger(cfg *config.Config) *logger {
	level, err := logging.ParseLevel(string(cfg.LogLevel))
	if err != nil {
		level = zap.InfoLevel
	}
	q := logging.NewQueue(logLimit, os.Stdout)
	recent := &logging.Recent{}
	atom := zap.NewAtomicLevelAt(level)
	l := logging.New(q, atom, os.Getpid(), recent)
	retune := logging.BridgeLogrus(logrus.StandardLogger(), l) // libcontainer logs through it
	return &logger{l, q, recent, atom, level, retune}
}

// Errors are the last lines that tell of something wrong.
func (l *logger) Errors() string { return l.recent.Text() }

// Dropped is how many lines have found no reader.
func (l *logger) Dropped() uint64 { return l.queue.Dropped() }

// Level is the least severe level that is written.
func (l *logger) Level() string { return logging.LevelName(l.level.Level()) }

// SetLevel changes the level of all lines from now on.
func (l *logger) SetLevel(name string) error {
	level, err := logging.ParseLevel(name)
	if err == nil {
		l.enter(level)
	}
	return err
}

func (l *logger) enter(level zapcore.Level) {
	say := func() { l.Info("log level", zap.String("log-level", logging.LevelName(level))) }
	quieter := level > zap.InfoLevel
	if quieter {
		say() // so that the log says where the other lines have gone
	}
	l.level.SetLevel(level)
	l.retune()
	if !quieter {
		say()
	}
}

// switchOnUSR2 changes between the configured level and debug at each SIGUSR2.
func (l *logger) switchOnUSR2() {
	usr2 := make(chan os.Signal, 1)
	signal.Notify(usr2, syscall.SIGUSR2)
	go func() {
		for range usr2 {
			if l.level.Level() > zap.DebugLevel {
				l.enter(zap.DebugLevel)
			} else {
				l.enter(max(l.configured, zap.InfoLevel))
			}
		}
	}()
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
