// SPDX-License-Identifier: Apache-2.0

package main

type arguments struct{ Config string }

func parse(args []string) (arguments, int, bool) {
	a := arguments{}
	if len(args) == 2 && args[0] == "--config" {
		a.Config = args[1]
	}
	return a, 0, false
}
