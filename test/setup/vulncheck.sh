#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# vulncheck.sh PROGRAM: no known vulnerability that the agent's code reaches. One of the standard
# library is shown and is no failure: it is for whoever installs Go. Without a way to the database
# nothing is known, which is no failure either: SKIPPED, a file, says so.
set -eu
cd "$(dirname "$0")/../.."
: "${TAGS:=seccomp,netgo,osusergo,agent_policy}" "${SKIPPED:=/dev/null}"

found=$(mktemp)
trap 'rm -f "$found"' EXIT
status=0
timeout 600 "$1" -tags "$TAGS" ./... >"$found" 2>&1 || status=$?
case $status in
0)
	echo "none is known"
	;;
3) # what govulncheck says when it has found something
	cat "$found"
	if grep -q '^ *Module: ' "$found"; then
		exit 1
	fi
	echo "only the standard library has one: a newer Go has it mended"
	;;
*)
	if grep -q 'fetching vulnerabilities\|vuln\.go\.dev\|no such host' "$found"; then
		why="the database of vulnerabilities cannot be reached (no network?)"
		echo "$why: skipped"
		printf 'govulncheck\t%s\n' "$why" >>"$SKIPPED"
		exit 0
	fi
	cat "$found"
	exit 1
	;;
esac
