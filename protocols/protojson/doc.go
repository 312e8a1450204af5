// SPDX-License-Identifier: Apache-2.0

// Package protojson reads and writes the messages of package protocols as protobuf JSON, the form in
// which people type requests: field names as in the .proto files or in camel case, enums by name or
// number, bytes in base64, 64-bit integers as strings or numbers. Absent fields keep their zero
// value; an unknown field is an error, so that a typing error does not pass for an empty request.
//
// It stands apart from package protocols because the library behind it costs memory and start-up
// time, which the agent must not pay: only clients import it. It must not import anything of this
// module but package protocols.
package protojson
