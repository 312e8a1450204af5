// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestClapArgs(t *testing.T) {
	cases := map[string]string{
		"connect -c Check":                                  "connect -c Check",
		"connect -c A -c B":                                 "connect -c A -c B",
		"connect -c A B C":                                  "connect -c A --cmd=B --cmd=C",
		"connect -c A B -c C":                               "connect -c A --cmd=B -c C",
		"connect --cmd A B":                                 "connect --cmd A --cmd=B",
		"connect -c A --ignore-errors B":                    "connect -c A --ignore-errors --cmd=B",
		"connect --ignore-errors -c A":                      "connect --ignore-errors -c A",
		"connect --ignore-errors 1 -c A":                    "connect --ignore-errors=1 -c A",
		"connect -n 1 -i true -c A":                         "connect -n=1 -i=true -c A",
		"connect --hybrid-vsock 1 --server-address u -c A":  "connect --hybrid-vsock=1 --server-address u -c A",
		"connect --hybrid-vsock --hybrid-vsock-port 5 -c A": "connect --hybrid-vsock --hybrid-vsock-port 5 -c A",
		"-l debug connect -c A B":                           "-l debug connect -c A --cmd=B",
		"connect -c A -l debug B":                           "connect -c A -l debug --cmd=B",
		"connect -c A -ldebug B":                            "connect -c A -ldebug --cmd=B",
		"connect -c A --timeout=5s B":                       "connect -c A --timeout=5s --cmd=B",
		"connect -c A --timeout 5s B":                       "connect -c A --timeout 5s --cmd=B",
		"connect A B":                                       "connect A B",
		"connect --file - -c A":                             "connect --file - -c A",
		"connect -c A -- -B":                                "connect -c A -- -B",
		"connect -c":                                        "connect -c",
		"call Check -n 1":                                   "call Check -n 1", // only connect
	}
	for in, want := range cases {
		if got := strings.Join(clapArgs(newRoot(), strings.Fields(in)), " "); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}
