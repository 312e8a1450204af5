#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzz target of the tree, one at a time: those of Go, and the one of the C code
# (guest/container/nsexec/testdata/parser), which needs gcc only.
#
#   fuzz.sh [time for each, in seconds: 20s]
#
# Goes on after a failure, and fails at the end. FUZZFLAGS is handed to go test, such as
# -parallel=1. What fails is kept in the testdata of its package.
set -eu
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}" "${FUZZFLAGS:=}"
each=${1:-20s}
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT

targets() {
	grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go | sort -u | sed "s|^|$dir |"
	done
}

targets | while read -r dir target; do
	echo "== $dir $target"
	# shellcheck disable=SC2086 # a list of words
	"$GO" test -vet=off -tags "$TAGS" -run '^$' -fuzz "^$target\$" -fuzztime "$each" $FUZZFLAGS "$dir" </dev/null ||
		echo "$dir $target" >>"$failed"
done

parser=guest/container/nsexec
echo "== ./$parser TestParser, in C"
KATA_FUZZ_SECONDS=${each%s} KATA_FUZZ_CRASHES=$PWD/$parser/testdata/parser/corpus \
	"$GO" test -vet=off -count=1 -v -tags "$TAGS" -run '^TestParser$' "./$parser" || echo "./$parser TestParser" >>"$failed"

if [ -s "$failed" ]; then
	echo "failed:"
	cat "$failed"
	exit 1
fi
