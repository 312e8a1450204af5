// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrTable says that the parameters of a mapping make no sense.
var ErrTable = errors.New("dm-verity parameters")

const (
	sectorSize = 512
	// superblockSize is what veritysetup and mkfs tools put before the tree.
	superblockSize = 512
	minBlock       = 512
	maxBlock       = 1 << 19
)

// Table says how a device is checked. Data and hashes are on the same device, the hashes
// behind the data.
type Table struct {
	// RootHash is in hexadecimal.
	RootHash string
	// Salt is in hexadecimal; "" and "-" are none.
	Salt string
	// Algorithm is the kernel's name of the hash, "sha256".
	Algorithm string
	// HashType is 1, or 0 for the format of Chromium OS.
	HashType uint64
	// DataBlock and HashBlock are block sizes in bytes, powers of two.
	DataBlock, HashBlock uint64
	// HashOffset is where the hash area begins, in bytes; all before it is data.
	HashOffset uint64
	// NoSuperblock says that the hash area begins with the tree.
	NoSuperblock bool
}

// Validate checks what would otherwise come back from the kernel as a bare EINVAL, or
// change the meaning of the table's text.
func (t Table) Validate() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrTable, fmt.Sprintf(format, args...))
	}
	if hash, err := hex.DecodeString(t.RootHash); err != nil || len(hash) == 0 {
		return fail("root hash %q is not hexadecimal", t.RootHash)
	}
	if _, err := hex.DecodeString(t.Salt); err != nil && t.Salt != "-" {
		return fail("salt %q is not hexadecimal", t.Salt)
	}
	if t.Algorithm == "" || strings.Trim(t.Algorithm, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fail("hash algorithm %q", t.Algorithm)
	}
	if t.HashType > 1 {
		return fail("hash type %d is neither 0 nor 1", t.HashType)
	}
	for _, size := range []uint64{t.DataBlock, t.HashBlock} {
		if size < minBlock || size > maxBlock || size&(size-1) != 0 {
			return fail("block size %d", size)
		}
	}
	if t.HashOffset == 0 || t.HashOffset%t.DataBlock != 0 || t.HashOffset%t.HashBlock != 0 {
		return fail("hash offset %d is no multiple of the block sizes %d and %d", t.HashOffset, t.DataBlock, t.HashBlock)
	}
	return nil
}

// sectors is the length of the mapping, in units of 512 bytes.
func (t Table) sectors() uint64 { return t.HashOffset / sectorSize }

// parameters are those of the target "verity", version to salt; device is "major:minor".
func (t Table) parameters(device string) string {
	tree := t.HashOffset / t.HashBlock
	if !t.NoSuperblock {
		tree += (superblockSize + t.HashBlock - 1) / t.HashBlock
	}
	salt := t.Salt
	if salt == "" {
		salt = "-"
	}
	return fmt.Sprintf("%d %s %s %d %d %d %d %s %s %s", t.HashType, device, device,
		t.DataBlock, t.HashBlock, t.HashOffset/t.DataBlock, tree, t.Algorithm, t.RootHash, salt)
}
