#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs load scenarios against an agent of their own, as root:
#
#   test/bench/load.sh [-o directory] [-d duration] [scenario...]
#
# scenario is a file, or the name of one in test/bench/scenarios; without any, those
# that docs/performance.md quotes. Tables go to standard output. With -o each run leaves
# its result (.json), its report (.html) and its plots (.svg) in the directory. -d is
# a time to run for in place of the scenario's. The agent has a /run of its own.
set -eu
cd "$(dirname "$0")/../.."

out=
duration=
while getopts o:d: option; do
	case $option in
	o) out=$OPTARG && mkdir -p "$out" ;;
	d) duration=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- exec-100k hold-1000 hold-5000 containers-200 mixed
[ -x bin/kata-agent ] && [ -x bin/kata-agent-ctl ] || make build

# The client's collector is half of what a load of many small calls measures.
export GOGC="${GOGC:-400}"
ulimit -n "$(ulimit -Hn)"
dir=$(mktemp -d)
agent=
stop() {
	[ -z "$agent" ] || { kill "$agent" 2>/dev/null && wait "$agent" 2>/dev/null || true; }
	agent=
}
trap 'stop; rm -rf "$dir"' EXIT INT TERM

status=0
for scenario; do
	file=$scenario
	[ -f "$file" ] || file=test/bench/scenarios/$scenario.toml
	name=$(basename "$file" .toml)
	address=unix://$dir/$name.sock
	env -u GOGC KATA_AGENT_SERVER_ADDR="$address" KATA_AGENT_LOG_LEVEL=warn unshare -m sh -c \
		'mount --make-rprivate / && mount -t tmpfs tmpfs /run && exec bin/kata-agent' >"$dir/$name.log" 2>&1 &
	agent=$!
	set -- # arguments
	[ -z "$duration" ] || set -- --duration "$duration"
	[ -z "$out" ] || set -- "$@" --json "$out/$name.json" --html "$out/$name.html" --svg "$out/$name.svg"
	bin/kata-agent-ctl --server-address "$address" load --pid "$agent" "$@" "$file" || { status=1; tail -5 "$dir/$name.log"; }
	stop
done
exit $status
