// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/storage/devicemapper"
)

// Options of a layer; runtime-rs makes them from the mounts of containerd's EROFS
// snapshotter. Every other "X-kata." option means nothing here.
const (
	upperOption       = "X-kata.overlay-upper"
	lowerOption       = "X-kata.overlay-lower"
	partitionedOption = "X-kata.gpt-partitioned"
	numberOption      = "X-kata.partition-number"
	mkdirOption       = "X-kata.mkdir.path="
	checkedOption     = "X-kata.dmverity-enabled"
	verityPrefix      = "X-kata.dmverity."
)

// options is what the options of one storage say.
type options struct {
	upper, lower bool
	partition    int
	verity       *devicemapper.Verity
	dirs         []directory
}

func parseOptions(words []string) (o options, err error) {
	values := map[string]string{}
	for _, w := range words {
		if text, ok := strings.CutPrefix(w, mkdirOption); ok {
			if !strings.Contains(text, "{{") {
				continue // a directory of the host's: no layer is named
			}
			d, err := parseDirectory(text)
			if err != nil {
				return o, fmt.Errorf("option %s: %w", w, err)
			}
			o.dirs = append(o.dirs, d)
			continue
		}
		key, value, _ := strings.Cut(w, "=")
		values[key] = value
	}
	_, o.upper = values[upperOption]
	_, o.lower = values[lowerOption]
	if partitioned, err := flag(values, partitionedOption); err != nil {
		return o, err
	} else if partitioned {
		if o.partition, err = strconv.Atoi(values[numberOption]); err != nil || o.partition < 1 {
			return o, fmt.Errorf("option %s=%s: not the number of a partition", numberOption, values[numberOption])
		}
	}
	checked, err := flag(values, checkedOption)
	if err == nil && checked {
		o.verity, err = parseVerity(values)
	}
	return o, err
}

// flag reads "key=true". A word that is neither true nor false is an error: it may be
// somebody's way to ask for a check.
func flag(values map[string]string, key string) (bool, error) {
	value, ok := values[key]
	switch {
	case !ok || value == "false":
		return false, nil
	case value == "true":
		return true, nil
	}
	return false, fmt.Errorf("option %s=%s: neither true nor false", key, value)
}

// parseVerity reads the parameters of dm-verity. All before the hash area is data.
func parseVerity(values map[string]string) (*devicemapper.Verity, error) {
	v := &devicemapper.Verity{
		RootHash:  values[verityPrefix+"roothash"],
		Salt:      values[verityPrefix+"salt"],
		Algorithm: values[verityPrefix+"algorithm"],
	}
	if v.Algorithm == "" {
		v.Algorithm = "sha256"
	}
	if bare, ok := values[verityPrefix+"no-superblock"]; ok && bare == "" {
		v.NoSuperblock = true
	} else if set, err := flag(values, verityPrefix+"no-superblock"); err != nil {
		return nil, err
	} else {
		v.NoSuperblock = set
	}
	for key, number := range map[string]struct {
		value    *uint64
		standard uint64
	}{
		"hashoffset": {&v.HashOffset, 0},
		"blocksize":  {&v.DataBlock, 4096},
		"hashsize":   {&v.HashBlock, 4096},
		"hashtype":   {&v.HashType, 1},
	} {
		*number.value = number.standard
		text, ok := values[verityPrefix+key]
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("option %s%s=%s: not a number", verityPrefix, key, text)
		}
		*number.value = n
	}
	if v.RootHash == "" || v.HashOffset == 0 {
		return nil, errors.New("dm-verity needs a root hash and a hash offset")
	}
	return v, v.Validate()
}
