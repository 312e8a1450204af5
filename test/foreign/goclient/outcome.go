// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"sync/atomic"
)

// outcome counts what went well and what did not.
type outcome struct {
	ok, failed atomic.Int64
}

// count counts a step; a failure is told on stderr.
func (o *outcome) count(what string, err error) bool {
	if err != nil {
		o.failed.Add(1)
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		return false
	}
	o.ok.Add(1)
	return true
}
