#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs test suites one after another, all of them even if one fails. Says what
# runs while nothing ends, and at the end what has failed and what was skipped
# and why.
#
#   suites.sh [suite...]      default: unit and every directory of test/ with tests
#
# TESTFLAGS is handed to go test. CHECKS is what make check has skipped, for the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}" "${TESTFLAGS:=}" "${CHECKS:=}"

# The C code of packages under test ends with SIGILL where its behaviour is undefined; the agents
# that tests build for themselves are made in the same way (test/harness).
checked="-g -O2 -fsanitize=undefined -fsanitize-undefined-trap-on-error"

module=$("$GO" list -m)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$GO" build -o "$dir/progress" ./test/setup/progress

packages() {
	if [ "$1" = unit ]; then
		"$GO" list -tags "$TAGS" ./... | grep -v "^$module/test/"
		"$GO" list -tags "$TAGS" ./test/setup/...
	else
		"$GO" list -tags "$TAGS" "./test/$1/..."
	fi
}

# flags of one suite. The race detector is left out where the code under test
# is a program in a virtual machine or a process of its own. Suites that change
# the machine (mounts, cgroups, interfaces) run one package at a time. make
# check has run vet. The time limits only end what the tests' own guards do not.
flags() {
	case $1 in
	unit) echo "-race -vet=off -timeout 30m" ;;
	vm | foreign | bench) echo "-vet=off -p 1 -timeout 60m" ;;
	*) echo "-race -vet=off -p 1 -timeout 30m" ;;
	esac
}

# all lists the suites, those that take a minute or more last.
all() {
	echo unit
	local dir name
	for dir in test/*/; do
		name=$(basename "$dir")
		case $name in
		architecture | setup | vm) continue ;;
		esac
		if [ -n "$(find "$dir" -name '*_test.go' -print -quit)" ]; then
			echo "$name"
		fi
	done
	if [ -n "$(find test/vm -name '*_test.go' -print -quit 2>/dev/null)" ]; then
		echo vm
	fi
}

# prepare builds what a suite needs and what must not take its time.
prepare() {
	local cargo
	cargo=$(PATH="$PATH:$HOME/.cargo/bin" command -v cargo || true)
	if [ "$1" = foreign ] && [ -n "$cargo" ]; then
		# The test builds again and says what is wrong.
		(cd test/foreign/rustclient && "$cargo" build --release --locked --target-dir "$OLDPWD/out/rustclient") || true
	fi
}

# sanitized are the flags for a suite's C code: none where speed is measured or what is shipped runs.
sanitized() {
	case $1 in
	vm | foreign | bench) echo "-g -O2" ;;
	*) echo "$checked" ;;
	esac
}

failed=0
run() {
	prepare "$1"
	local name=$1 list start=$SECONDS
	if [ "$name" != unit ] && [ ! -d "test/$name" ]; then
		echo "== suite $name: not there"
		return
	fi
	list=$(packages "$name")
	echo "== suite $name: $(wc -w <<<"$list") packages, started $(date -u +%H:%M:%SZ)"
	# shellcheck disable=SC2046,SC2086 # lists of words
	if ! CGO_ENABLED=1 CGO_CFLAGS=${CGO_CFLAGS-$(sanitized "$name")} "$GO" test -json -tags "$TAGS" $(flags "$name") $TESTFLAGS $list 2>&1 |
		"$dir/progress" -module "$module" -record "$dir/results"; then
		failed=1
	fi
	echo "== suite $name: $((SECONDS - start)) s"
}

if [ $# -eq 0 ]; then
	mapfile -t suites < <(all)
	set -- "${suites[@]}"
fi
for suite; do
	run "$suite"
done

echo "== all suites: $SECONDS s"
if [ -s "$dir/results" ]; then
	"$dir/progress" -summary "$dir/results" -checks "$CHECKS"
fi
exit $failed
