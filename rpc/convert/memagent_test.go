// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"reflect"
	"testing"

	"github.com/kata-containers/kata-agent/guest/memagent"
	"github.com/kata-containers/kata-agent/protocols"
)

func of[T any](v T) *T { return &v }

// TestMemAgentChange: each member reaches its setting, also with the value 0, and what is absent
// changes nothing.
func TestMemAgentChange(t *testing.T) {
	if got := MemcgChange(&protocols.MemAgentMemcgConfig{}); got != (memagent.MemcgChange{}) {
		t.Errorf("an empty request changes %+v", got)
	}
	if got := CompactChange(&protocols.MemAgentCompactConfig{}); got != (memagent.CompactChange{}) {
		t.Errorf("an empty request changes %+v", got)
	}
	memcg := MemcgChange(&protocols.MemAgentMemcgConfig{
		XDisabled:                 &protocols.MemAgentMemcgConfig_Disabled{},
		XSwap:                     &protocols.MemAgentMemcgConfig_Swap{Swap: true},
		XSwappinessMax:            &protocols.MemAgentMemcgConfig_SwappinessMax{SwappinessMax: 1},
		XPeriodSecs:               &protocols.MemAgentMemcgConfig_PeriodSecs{PeriodSecs: 2},
		XPeriodPsiPercentLimit:    &protocols.MemAgentMemcgConfig_PeriodPsiPercentLimit{PeriodPsiPercentLimit: 3},
		XEvictionPsiPercentLimit:  &protocols.MemAgentMemcgConfig_EvictionPsiPercentLimit{EvictionPsiPercentLimit: 4},
		XEvictionRunAgingCountMin: &protocols.MemAgentMemcgConfig_EvictionRunAgingCountMin{EvictionRunAgingCountMin: 5},
	})
	if want := (memagent.MemcgChange{
		Disabled: of(false), Swap: of(true), SwappinessMax: of(uint32(1)), PeriodSecs: of(uint64(2)),
		PeriodPressure: of(uint32(3)), EvictionPressure: of(uint32(4)), MinAgings: of(uint64(5)),
	}); !reflect.DeepEqual(memcg, want) {
		t.Errorf("got %+v, want %+v", memcg, want)
	}
	compact := CompactChange(&protocols.MemAgentCompactConfig{
		XDisabled:               &protocols.MemAgentCompactConfig_Disabled{Disabled: true},
		XPeriodSecs:             &protocols.MemAgentCompactConfig_PeriodSecs{PeriodSecs: 1},
		XPeriodPsiPercentLimit:  &protocols.MemAgentCompactConfig_PeriodPsiPercentLimit{PeriodPsiPercentLimit: 2},
		XCompactPsiPercentLimit: &protocols.MemAgentCompactConfig_CompactPsiPercentLimit{CompactPsiPercentLimit: 3},
		XCompactSecMax:          &protocols.MemAgentCompactConfig_CompactSecMax{CompactSecMax: 4},
		XCompactOrder:           &protocols.MemAgentCompactConfig_CompactOrder{CompactOrder: 5},
		XCompactThreshold:       &protocols.MemAgentCompactConfig_CompactThreshold{CompactThreshold: 6},
		XCompactForceTimes:      &protocols.MemAgentCompactConfig_CompactForceTimes{},
	})
	if want := (memagent.CompactChange{
		Disabled: of(true), PeriodSecs: of(uint64(1)), PeriodPressure: of(uint32(2)), Pressure: of(uint32(3)),
		MaxSecs: of(int64(4)), Order: of(uint32(5)), Threshold: of(uint64(6)), ForceTimes: of(uint64(0)),
	}); !reflect.DeepEqual(compact, want) {
		t.Errorf("got %+v, want %+v", compact, want)
	}
}
