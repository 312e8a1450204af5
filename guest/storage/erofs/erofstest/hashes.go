// SPDX-License-Identifier: Apache-2.0

package erofstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// BlockSize of data and hashes in what Protect makes.
const BlockSize = 4096

// Protect puts a dm-verity hash area (format 1, sha256) behind data, and returns the hash
// of the root and the offset of the area. superblock leaves one block for a superblock,
// of zeros: the kernel does not read it.
func Protect(data, salt []byte, superblock bool) (image []byte, root string, offset uint64) {
	data = padded(data)
	var levels [][]byte
	level := data
	for len(level) > BlockSize { // the hash of one block is the root itself
		level = hashes(level, salt)
		levels = append(levels, level)
	}
	image = bytes.Clone(data)
	if superblock {
		image = append(image, make([]byte, BlockSize)...)
	}
	for i := len(levels) - 1; i >= 0; i-- { // the root's block comes first
		image = append(image, levels[i]...)
	}
	sum := sha256.Sum256(append(bytes.Clone(salt), level...))
	return image, hex.EncodeToString(sum[:]), uint64(len(data))
}

// hashes are those of each block, in blocks.
func hashes(blocks, salt []byte) []byte {
	var out []byte
	for b := range slices.Chunk(blocks, BlockSize) {
		sum := sha256.Sum256(append(bytes.Clone(salt), b...))
		out = append(out, sum[:]...)
	}
	return padded(out)
}

func padded(b []byte) []byte {
	return append(bytes.Clone(b), make([]byte, (BlockSize-len(b)%BlockSize)%BlockSize)...)
}
