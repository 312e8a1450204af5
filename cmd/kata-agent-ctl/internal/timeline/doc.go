// SPDX-License-Identifier: Apache-2.0

// Package timeline draws the spans of an agent as one SVG: above, all requests on the time of the
// pod; below, a panel for each request with its steps on a scale of its own.
package timeline
