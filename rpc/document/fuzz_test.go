// SPDX-License-Identifier: Apache-2.0

package document

import (
	"reflect"
	"testing"
)

// FuzzInput makes the document of any request that a policy is asked about: always the same one, and
// always one that the engine can read.
func FuzzInput(f *testing.F) {
	for name, newRequest := range requests() {
		m := newRequest()
		fill(reflect.ValueOf(m).Elem(), 1)
		data, err := m.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, data)
	}
	all := requests()
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		newRequest := all[name]
		if newRequest == nil {
			return
		}
		m, again := newRequest(), newRequest()
		if m.Unmarshal(data) != nil || again.Unmarshal(data) != nil {
			return
		}
		in := Input{m}
		if in.Check() != nil {
			return
		}
		for _, binary := range []bool{false, true} {
			v := in.Value(binary)
			if v.Compare((Input{again}).Value(binary)) != 0 {
				t.Error("two documents of the same bytes differ")
			}
		}
		_, _ = in.IDs()
	})
}
