// SPDX-License-Identifier: Apache-2.0

package power

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
)

// event is what the kernel sends: netlink header, generic header, one attribute.
func event(class string) []byte {
	value := make([]byte, 44)
	copy(value, class)
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+4+4+len(value)))
	b = append(b, make([]byte, 12+4)...)
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, eventAttribute)
	return append(b, value...)
}

func TestPressed(t *testing.T) {
	lid, button := event("button/lid"), event("button/power")
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"button":            {button, true},
		"lid":               {lid, false},
		"lid, then button":  {append(append([]byte{}, lid...), button...), true},
		"longer class":      {event("button/power2"), false},
		"cut off":           {button[:30], false},
		"nothing":           {nil, false},
		"a length of zero":  {make([]byte, 64), false},
		"a length too long": {append([]byte{255, 255, 0, 0}, make([]byte, 60)...), false},
	} {
		if got := pressed(c.data); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzPressed(f *testing.F) {
	f.Add(event("button/power"))
	f.Fuzz(func(_ *testing.T, data []byte) { pressed(data) })
}

// TestAwaitButtonEnds needs no button: it ends with its context, or finds none to wait for.
func TestAwaitButtonEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := AwaitButton(ctx); err == nil {
		t.Error("a button was pressed")
	} else if !errors.Is(err, context.Canceled) {
		t.Log("no ACPI events here: ", err)
	}
}
