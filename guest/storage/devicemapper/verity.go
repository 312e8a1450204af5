// SPDX-License-Identifier: Apache-2.0

package devicemapper

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrVerity says that the parameters of a mapping make no sense.
var ErrVerity = errors.New("dm-verity parameters")

const (
	sectorSize = 512
	// superblockSize is what veritysetup and mkfs tools put before the tree.
	superblockSize = 512
	minBlock       = 512
	maxBlock       = 1 << 19
)

// Verity says how a device is checked. Data and hashes are on the same device, the hashes
// behind the data.
type Verity struct {
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
func (v Verity) Validate() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrVerity, fmt.Sprintf(format, args...))
	}
	if hash, err := hex.DecodeString(v.RootHash); err != nil || len(hash) == 0 {
		return fail("root hash %q is not hexadecimal", v.RootHash)
	}
	if _, err := hex.DecodeString(v.Salt); err != nil && v.Salt != "-" {
		return fail("salt %q is not hexadecimal", v.Salt)
	}
	if v.Algorithm == "" || strings.Trim(v.Algorithm, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fail("hash algorithm %q", v.Algorithm)
	}
	if v.HashType > 1 {
		return fail("hash type %d is neither 0 nor 1", v.HashType)
	}
	for _, size := range []uint64{v.DataBlock, v.HashBlock} {
		if size < minBlock || size > maxBlock || size&(size-1) != 0 {
			return fail("block size %d", size)
		}
	}
	if v.HashOffset == 0 || v.HashOffset%v.DataBlock != 0 || v.HashOffset%v.HashBlock != 0 {
		return fail("hash offset %d is no multiple of the block sizes %d and %d", v.HashOffset, v.DataBlock, v.HashBlock)
	}
	return nil
}

// sectors is the length of the mapping, in units of 512 bytes.
func (v Verity) sectors() uint64 { return v.HashOffset / sectorSize }

// parameters are those of the target "verity", version to salt; device is "major:minor".
func (v Verity) parameters(device string) string {
	tree := v.HashOffset / v.HashBlock
	if !v.NoSuperblock {
		tree += (superblockSize + v.HashBlock - 1) / v.HashBlock
	}
	salt := v.Salt
	if salt == "" {
		salt = "-"
	}
	return fmt.Sprintf("%d %s %s %d %d %d %d %s %s %s", v.HashType, device, device,
		v.DataBlock, v.HashBlock, v.HashOffset/v.DataBlock, tree, v.Algorithm, v.RootHash, salt)
}
