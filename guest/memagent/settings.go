// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrSetting is for a value that a setting cannot have.
var ErrSetting = errors.New("bad setting")

const (
	// maxNumber bounds percentages and the swappiness, as in the configuration.
	maxNumber = math.MaxUint8
	// maxOrder bounds page orders, as in the configuration.
	maxOrder = 31
	// maxSwappiness is the kernel's own limit. Settings above it mean it.
	maxSwappiness = 200
)

// Memcg are the settings of eviction. They are values: whoever has them may keep them.
type Memcg struct {
	Disabled bool
	// Swap lets anonymous memory be swapped, where there is free swap space.
	Swap bool
	// SwappinessMax bounds the share of anonymous memory, 0 to 200.
	SwappinessMax uint8
	// Period is the time between two rounds.
	Period time.Duration
	// PeriodPressure is the share of the period, in percent, above which a cgroup is left
	// alone; EvictionPressure the share of the eviction above which it ends.
	PeriodPressure, EvictionPressure uint8
	// MinAgings is how often a cgroup is aged before anything of it is evicted.
	MinAgings uint64
}

// Compact are the settings of compaction.
type Compact struct {
	Disabled bool
	// Period is the time between two rounds, Max the longest time one compaction may take.
	Period, Max time.Duration
	// PeriodPressure is the share of the period, in percent, above which nothing is done;
	// Pressure the share above which a compaction ends.
	PeriodPressure, Pressure uint8
	// Order is the size of block that is wanted: 1 << Order pages.
	Order uint8
	// Threshold is how many free pages more in smaller blocks, or how many free pages fewer, than
	// after the last compaction make another one worth while.
	Threshold uint64
	// ForceTimes compacts anyway after so many rounds that did not. From 1<<63 - 1 on: never.
	ForceTimes uint64
}

// MemcgChange changes what is not nil. Numbers are those of the request, seconds for times.
type MemcgChange struct {
	Disabled, Swap                   *bool
	SwappinessMax                    *uint32
	PeriodSecs                       *uint64
	PeriodPressure, EvictionPressure *uint32
	MinAgings                        *uint64
}

// CompactChange changes what is not nil.
type CompactChange struct {
	Disabled                        *bool
	PeriodSecs                      *uint64
	PeriodPressure, Pressure, Order *uint32
	MaxSecs                         *int64
	Threshold, ForceTimes           *uint64
}

// Apply is s with the change, all of it, or an error with [ErrSetting] that names the first
// value that cannot be.
func (c MemcgChange) Apply(s Memcg) (Memcg, error) {
	to(&s.Disabled, c.Disabled)
	to(&s.Swap, c.Swap)
	to(&s.MinAgings, c.MinAgings)
	err := errors.Join(
		number("swappiness_max", &s.SwappinessMax, c.SwappinessMax, maxNumber),
		seconds("period_secs", &s.Period, c.PeriodSecs),
		number("period_psi_percent_limit", &s.PeriodPressure, c.PeriodPressure, maxNumber),
		number("eviction_psi_percent_limit", &s.EvictionPressure, c.EvictionPressure, maxNumber),
	)
	return s, err
}

// Apply is s with the change, all of it, or an error with [ErrSetting].
func (c CompactChange) Apply(s Compact) (Compact, error) {
	to(&s.Disabled, c.Disabled)
	to(&s.Threshold, c.Threshold)
	to(&s.ForceTimes, c.ForceTimes)
	longest := c.MaxSecs
	err := errors.Join(
		seconds("period_secs", &s.Period, c.PeriodSecs),
		number("period_psi_percent_limit", &s.PeriodPressure, c.PeriodPressure, maxNumber),
		number("compact_psi_percent_limit", &s.Pressure, c.Pressure, maxNumber),
		number("compact_order", &s.Order, c.Order, maxOrder),
	)
	if longest != nil && *longest < 1 {
		err = errors.Join(err, fmt.Errorf("%w: compact_sec_max is %d, want at least 1", ErrSetting, *longest))
	} else if longest != nil {
		s.Max = whole(uint64(*longest))
	}
	return s, err
}

func to[T any](p, v *T) {
	if v != nil {
		*p = *v
	}
}

func number(name string, p *uint8, v *uint32, most uint32) error {
	if v == nil {
		return nil
	}
	if *v > most {
		return fmt.Errorf("%w: %s is %d, want at most %d", ErrSetting, name, *v, most)
	}
	*p = uint8(*v)
	return nil
}

func seconds(name string, p *time.Duration, v *uint64) error {
	if v == nil {
		return nil
	}
	if *v == 0 {
		return fmt.Errorf("%w: %s is 0, want at least 1", ErrSetting, name)
	}
	*p = whole(*v)
	return nil
}

// whole is a number of seconds, or the longest time there is.
func whole(secs uint64) time.Duration {
	return time.Duration(min(secs, math.MaxInt64/uint64(time.Second))) * time.Second
}
