// SPDX-License-Identifier: Apache-2.0

// Package sys is the district of small kernel facilities that every other district
// may use: paths that cannot be led astray, processes by descriptor, programs of the
// image, readers of /sys and /proc, clock, random numbers, modules.
//
// It has no code of its own. Its packages import no other district.
package sys
