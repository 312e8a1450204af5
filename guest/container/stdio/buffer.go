// SPDX-License-Identifier: Apache-2.0

package stdio

import "sync"

// bufferSize is the most one read delivers: what an unsized pipe holds. Hosts ask for
// 32 KiB.
const bufferSize = 64 << 10

type buffer [bufferSize]byte

// buffers are shared by all streams; one is in use only while a read is answered.
var buffers = sync.Pool{New: func() any { return new(buffer) }}
