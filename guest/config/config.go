// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/secret"
)

// DefaultServerAddress is where hosts dial the agent when nobody says
// otherwise: any context id, port 1024.
const DefaultServerAddress = "vsock://-1:1024"

// LogLevel is a canonical level name; aliases are resolved while parsing.
type LogLevel string

// The levels from least to most verbose.
const (
	LogCritical LogLevel = "critical"
	LogError    LogLevel = "error"
	LogWarn     LogLevel = "warn"
	LogInfo     LogLevel = "info"
	LogDebug    LogLevel = "debug"
	LogTrace    LogLevel = "trace"
)

// Config is the agent's configuration. Every field holds a usable value.
type Config struct {
	// File is the TOML file that was read, empty if none was named.
	File string

	DebugConsole      bool
	DebugConsoleVPort uint32 // 0: the console is on /dev/console, not on vsock
	DevMode           bool
	LogLevel          LogLevel
	LogVPort          uint32 // 0: log lines go to standard output
	Trace             bool
	TraceEndpoint     string // where spans go, see trace.New; empty: the host's trace forwarder
	ServerAddress     string // vsock://<cid or -1>:<port>, unix://<path>, unix://@<abstract name>

	HotplugTimeout       time.Duration
	CDHAPITimeout        time.Duration
	ImagePullTimeout     time.Duration
	CDITimeout           time.Duration
	LaunchProcessTimeout time.Duration
	StepWarning          time.Duration // see core.StepLimits
	StepWarningAgain     time.Duration

	VisibleCDIDevices  bool
	ContainerPipeSize  int    // bytes; 0 leaves the kernel's default
	PassfdListenerPort uint32 // 0: no listener
	KeepContainers     bool   // containers outlive a crash of the agent
	VsockLocal         bool   // connections from inside the guest are accepted
	ContainerInit      string // direct, libcontainer

	HTTPSProxy secret.Text // absolute URL; may carry a password, see Dump
	NoProxy    string

	GuestComponentsRESTAPI string // none, all, attestation, resource
	GuestComponentsProcs   string // none, attestation-agent, confidential-data-hub, api-server-rest
	// GuestComponentsAsked says that somebody has asked for guest components: an image that has none of
	// them is a reason for a warning then.
	GuestComponentsAsked   bool
	SecureStorageIntegrity bool

	PolicyFile string

	UnifiedCgroupHierarchy bool
	CgroupNoV1             string

	MemAgent  MemAgent
	Endpoints Endpoints
}

// MemAgent configures the guest memory agent: proactive reclaim per memory
// cgroup and compaction. Fields other than Enable are read whether or not it is
// enabled, since runtime-rs sorts its words and so sends "enable" last.
type MemAgent struct {
	Enable bool

	MemcgDisable                  bool
	MemcgSwap                     bool
	MemcgSwappinessMax            uint8
	MemcgPeriod                   time.Duration
	MemcgPeriodPSIPercentLimit    uint8
	MemcgEvictionPSIPercentLimit  uint8
	MemcgEvictionRunAgingCountMin uint64

	CompactDisable               bool
	CompactPeriod                time.Duration
	CompactPeriodPSIPercentLimit uint8
	CompactPSIPercentLimit       uint8
	CompactMax                   time.Duration
	CompactOrder                 uint8
	CompactThreshold             uint64 // pages; 2<<CompactOrder unless set
	CompactForceTimes            uint64
}

// Endpoints is the list of requests the agent answers, by the name of the
// request message ("CreateContainerRequest"). Kata 3.0 introduced it.
type Endpoints struct {
	// Restricted says that a list was given; without one every request is
	// allowed, with an empty one none is.
	Restricted bool
	Allowed    []string
}

// UnifiedCgroups reports whether the agent, as init, mounts cgroup v2.
func (c *Config) UnifiedCgroups() bool {
	return c.UnifiedCgroupHierarchy || c.CgroupNoV1 == "all"
}

// Default returns the configuration used when no source says anything.
func Default() *Config {
	c := &Config{
		LogLevel:               LogInfo,
		ServerAddress:          DefaultServerAddress,
		HotplugTimeout:         3 * time.Second,
		CDHAPITimeout:          50 * time.Second,
		ImagePullTimeout:       1200 * time.Second,
		CDITimeout:             100 * time.Second,
		LaunchProcessTimeout:   6 * time.Second,
		StepWarning:            5 * time.Second,
		StepWarningAgain:       30 * time.Second,
		ContainerInit:          "libcontainer",
		GuestComponentsRESTAPI: "resource",
		GuestComponentsProcs:   "api-server-rest",
		SecureStorageIntegrity: true,
		MemAgent: MemAgent{
			MemcgSwappinessMax:            50,
			MemcgPeriod:                   600 * time.Second,
			MemcgPeriodPSIPercentLimit:    1,
			MemcgEvictionPSIPercentLimit:  1,
			MemcgEvictionRunAgingCountMin: 3,
			CompactPeriod:                 600 * time.Second,
			CompactPeriodPSIPercentLimit:  1,
			CompactPSIPercentLimit:        5,
			CompactMax:                    300 * time.Second,
			// The order from which free page reporting tells the host
			// about free memory: pageblock_order, 9 with 4 KiB pages.
			CompactOrder:      9,
			CompactForceTimes: math.MaxInt64,
		},
	}
	c.MemAgent.CompactThreshold = compactThreshold(c.MemAgent.CompactOrder)
	return c
}

// compactThreshold is the number of free pages below the order that makes a
// compaction worth while.
func compactThreshold(order uint8) uint64 { return 2 << order }
