// SPDX-License-Identifier: Apache-2.0

package erofstest

import _ "embed"

// The images are made by
//
//	mkfs.erofs -T0 --all-root -x-1 -U 6b617461-0000-0000-0000-000000000000 <image> <directory>
//
// of a directory with the files named here, each holding what is said.
var (
	// Bottom has word "bottom", bottom "bottom" and dir/gone "x".
	//
	//go:embed testdata/bottom.erofs
	Bottom []byte
	// Top has word "top", top "top" and a whiteout (character device 0:0) of dir/gone.
	//
	//go:embed testdata/top.erofs
	Top []byte
)
