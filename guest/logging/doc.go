// SPDX-License-Identifier: Apache-2.0

// Package logging turns log records into lines that hosts understand, and
// carries the lines to wherever they are read.
//
// It owns a zap core that writes one JSON object per record, with the field
// names and four-letter levels that runtime-rs matches, and Queue, which stands
// between the callers and the sink.
//
// What it promises:
//
//   - A call to the logger never waits for a reader. When lines are written
//     faster than they are read the oldest are dropped, and a line of their
//     own says how many.
//   - The sink can be replaced at any time: standard output at first, then a
//     host that connects, then standard output again when it goes.
//   - What Scrub and Env return holds no value of an environment variable and
//     no content of a file.
//
// It keeps no global state and imports nothing of actors, rpc, protocols or
// guest/config.
package logging
