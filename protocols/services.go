// SPDX-License-Identifier: Apache-2.0

package protocols

import "sync"

// Full names of the services, as ttRPC requests carry them.
const (
	AgentService        = "grpc.AgentService"
	HealthService       = "grpc.Health"
	SealedSecretService = "api.SealedSecretService"
	SecureMountService  = "api.SecureMountService"
	GetResourceService  = "api.GetResourceService"
	ImagePullService    = "api.ImagePullService"
)

// A Method is one remote procedure: a unary call, like all of them here.
type Method struct {
	// Service is the full name of the service, one of the constants above.
	Service string
	// Method is the name of the call within the service.
	Method string
	// NewRequest and NewResponse make empty messages of the call's types.
	NewRequest  func() Message
	NewResponse func() Message
}

// Methods returns all calls of all services, those of one service in the order of its definition.
// The slice is shared: do not change it.
func Methods() []Method { return methods }

// LookUp finds a call by the full name of its service and its own name. It searches the list: a
// server builds its own index once.
func LookUp(service, method string) (Method, bool) {
	for _, m := range methods {
		if m.Method == method && m.Service == service {
			return m, true
		}
	}
	return Method{}, false
}

var enumsOnce sync.Once

// RegisterEnums makes the names of the enums known to gogo/protobuf, whose JSON reader looks them up
// there. Call it before using that reader; package protojson does.
func RegisterEnums() { enumsOnce.Do(registerEnums) }
