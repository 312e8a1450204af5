// SPDX-License-Identifier: Apache-2.0

// Package trace records spans with OpenTelemetry and sends them to a collector: as the frames of
// Kata's trace forwarder, or as OTLP over HTTP (opentelemetry.io/docs/specs/otlp).
//
// A context carries the span that is under way. Start adds a child to it, and does nothing at all,
// not even allocate, where there is none: with tracing off, or in work that nobody traces. So code
// that takes time needs neither a tracer nor a switch.
//
// It promises that a collector which is slow, dead or absent costs no more than lost spans: at most
// queueSize of them wait, nobody waits for them, and those that are lost are counted.
package trace
