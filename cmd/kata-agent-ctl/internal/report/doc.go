// SPDX-License-Identifier: Apache-2.0

// Package report shows what a load run has measured: as text for a terminal, as one HTML file with
// plots drawn in SVG, and two runs side by side. The HTML needs nothing but itself: no script, no
// other file.
//
// It must not import anything of this module but package load.
package report
