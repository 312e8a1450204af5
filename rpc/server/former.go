// SPDX-License-Identifier: Apache-2.0

package server

import "sync"

// former says what took the place of a method that older agents had, "" for any other name.
func former(method string) string {
	switch method {
	case "StartTracing", "StopTracing":
		return "tracing is on for the life of the guest, by agent.trace on the kernel command line"
	case "ListProcesses":
		return "start ps in the container by ExecProcess"
	}
	return ""
}

// once says things once by their name. Names come from hosts, so only those of former are kept.
type once struct {
	mu   sync.Mutex
	said map[string]bool
}

func (o *once) first(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said[name] {
		return false
	}
	if o.said == nil {
		o.said = map[string]bool{}
	}
	o.said[name] = true
	return true
}
