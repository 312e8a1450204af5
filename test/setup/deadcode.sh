#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# deadcode.sh PROGRAM: no function without a caller in the programs, but for those in
# test/setup/deadcode.txt. Tests do not count: what only they call is not shipped for them.
set -eu
cd "$(dirname "$0")/../.."
: "${TAGS:=seccomp,netgo,osusergo,agent_policy}"
list=test/setup/deadcode.txt

found=$(mktemp) listed=$(mktemp)
trap 'rm -f "$found" "$listed"' EXIT
"$1" -tags "$TAGS" -f '{{range .Funcs}}{{printf "%s %s\n" .Position.File .Name}}{{end}}' \
	./cmd/kata-agent ./cmd/kata-agent-ctl ./guest/config/gendoc | sed '/^$/d' | sort >"$found"
sed -e '/^#/d' -e '/^$/d' "$list" | awk '{print $1, $2}' | sort >"$listed"

new=$(comm -23 "$found" "$listed")
if [ -n "$new" ]; then
	echo "nothing calls these: take them out, or give $list the reason why they stay"
	echo "$new"
	exit 1
fi
old=$(comm -13 "$found" "$listed")
if [ -n "$old" ]; then
	echo "these are called, or gone: take them out of $list"
	echo "$old"
	exit 1
fi
