// SPDX-License-Identifier: Apache-2.0

// Package metrics samples the agent and the guest from /proc and writes the samples in
// the Prometheus text format, version 0.0.4.
//
// The names of families and labels are an interface: hosts export them under the same
// names and dashboards query them. Families come in the order of their names, each with
// its help and type lines, and a family without samples is left out. Nothing is cached
// and nothing is remembered of a device that is gone.
//
// A source that cannot be read costs its own families only. The package must not import
// actors, rpc or protocols.
package metrics
