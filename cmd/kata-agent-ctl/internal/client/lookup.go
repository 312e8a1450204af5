// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/protocols"
)

// Methods are the calls an agent serves, in the order of the protocol.
func Methods() []protocols.Method {
	var out []protocols.Method
	for _, m := range protocols.Methods() {
		if m.Service == protocols.AgentService || m.Service == protocols.HealthService {
			out = append(out, m)
		}
	}
	return out
}

// LookUp finds a call by its name, in upper or lower case, with or without its service:
// "Check", "check", "grpc.Health/Check", "grpc.Health.Check".
func LookUp(name string) (protocols.Method, error) {
	short := name[strings.LastIndexAny(name, "/.")+1:]
	service := strings.TrimSuffix(strings.TrimSuffix(name, short), "/")
	service = strings.TrimPrefix(strings.TrimSuffix(service, "."), "/")
	for _, m := range Methods() {
		if strings.EqualFold(m.Method, short) && (service == "" || m.Service == service) {
			return m, nil
		}
	}
	return protocols.Method{}, fmt.Errorf("unknown method %q: see \"kata-agent-ctl list\"%s", name, similar(short))
}

// similar suggests methods that contain the name, or are contained in it.
func similar(name string) string {
	var found []string
	low := strings.ToLower(name)
	for _, m := range Methods() {
		l := strings.ToLower(m.Method)
		if len(low) > 2 && (strings.Contains(l, low) || strings.Contains(low, l)) {
			found = append(found, m.Method)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(found, ", ") + "?"
}
