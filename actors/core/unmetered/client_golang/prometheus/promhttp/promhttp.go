// SPDX-License-Identifier: Apache-2.0

// Package promhttp stands in for Prometheus' own, which protoactor-go imports for a server
// of metrics that the agent never starts.
package promhttp

import "net/http"

// Handler has nothing to show.
func Handler() http.Handler { return http.NotFoundHandler() }
