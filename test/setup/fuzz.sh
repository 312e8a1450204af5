#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzz target of the tree, one at a time.
#
#   fuzz.sh [time for each]
set -eu
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}"
each=${1:-20s}

grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go | sort -u | while read -r target; do
		echo "== $dir $target"
		"$GO" test -tags "$TAGS" -run '^$' -fuzz "^$target\$" -fuzztime "$each" "$dir"
	done
done
