// SPDX-License-Identifier: Apache-2.0

package erofstest

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	sector  = 512
	align   = 2048 // sectors between partitions' beginnings
	entries = 128
)

// GPT is a disk with these partitions, 1, 2 and so on. As on the disks of hosts there is
// no second table at the end (UEFI specification, GUID partition table).
func GPT(partitions ...[]byte) []byte {
	le := binary.LittleEndian
	table := make([]byte, entries*128)
	next := uint64(align)
	var disk []byte
	for i, p := range partitions {
		length := uint64((len(p) + sector - 1) / sector)
		entry := table[i*128:]
		copy(entry, "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4") // Linux data
		entry[16] = byte(i + 1)                                                         // its own GUID
		le.PutUint64(entry[32:], next)
		le.PutUint64(entry[40:], next+length-1)
		disk = append(disk, make([]byte, next*sector-uint64(len(disk)))...)
		disk = append(disk, p...)
		disk = append(disk, make([]byte, (next+length)*sector-uint64(len(disk)))...)
		next = (next + length + align - 1) / align * align
	}
	last := uint64(len(disk)/sector) - 1
	copy(disk[2*sector:], table)
	header := disk[sector : 2*sector]
	copy(header, "EFI PART\x00\x00\x01\x00")
	le.PutUint32(header[12:], 92)
	le.PutUint64(header[24:], 1)
	le.PutUint64(header[32:], last+1) // where the second table would be
	le.PutUint64(header[40:], align)
	le.PutUint64(header[48:], last)
	header[56] = 1 // the disk's GUID
	le.PutUint64(header[72:], 2)
	le.PutUint32(header[80:], entries)
	le.PutUint32(header[84:], 128)
	le.PutUint32(header[88:], crc32.ChecksumIEEE(table))
	le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:92]))
	// The protective MBR: one partition of type 0xee over everything.
	mbr := disk[446:]
	mbr[4] = 0xee
	le.PutUint32(mbr[8:], 1)
	le.PutUint32(mbr[12:], uint32(last))
	disk[510], disk[511] = 0x55, 0xaa
	return disk
}
