#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes what is handed out twice, by dist.sh, as two people would: in directories of other
# names, under another umask, time zone, language, home and date of files, at another time.
# It fails and names the files if one byte differs. "make reproducible" calls it.
#
#   reproducible.sh [architecture...]      amd64, arm64, s390x and ppc64le unless named
#
# COLD=1 gives the second a compiler's cache of its own: minutes more. DIST is the script.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${COLD:=}" "${DIST:=test/setup/dist.sh}"
[ $# -gt 0 ] || set -- amd64 arm64 s390x ppc64le

COMMIT=${COMMIT:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export COMMIT SOURCE_DATE_EPOCH

dir=$(mktemp -d "${TMPDIR:-/tmp}/kata-reproducible.XXXXXX")
trap 'chmod -R u+w "$dir" && rm -rf "$dir"' EXIT
one=$dir/one two=$dir/another-place/of/a/longer/name
mkdir -p out/tools "$dir/home"

# copy puts the tree into a directory: files of today, without what was built but for the tools.
copy() {
	mkdir -p "$1"
	tar --create --exclude=./.git --exclude=./bin --exclude=./out . | tar --extract --touch --no-same-owner --directory="$1"
	mkdir -p "$1/out"
	cp -R out/tools "$1/out/tools"
}

# sums of all that a build hands out, by its own list and by the files that are there.
sums() { (cd "$1/out/dist" && find . -type f -exec sha256sum {} + | LC_ALL=C sort -k2); }

# The second home is empty, but both builds get their libraries from where this user does.
cache=$(go env GOCACHE) modules=$(go env GOMODCACHE) settings=$(go env GOENV)
[ -z "$COLD" ] || cache=$dir/cache
copy "$one"
copy "$two"
find "$two" -name out -prune -o -exec touch -h -d '2001-02-03 04:05:06' {} +

echo "reproducible.sh: first build of $COMMIT"
(cd "$one" && umask 022 && TZ=UTC LC_ALL=C bash "$DIST" "$@" >"$dir/first.log" 2>&1) || { cat "$dir/first.log" && exit 1; }
[ -z "$COLD" ] || rm -rf "$two/out/dist-build"
# What was downloaded for foreign architectures is no part of a build.
if [ -d "$one/out/dist-build" ]; then
	mkdir -p "$two/out/dist-build"
	find "$one/out/dist-build" -maxdepth 1 -name 'sysroot-*' -exec cp -R {} "$two/out/dist-build/" \;
fi
echo "reproducible.sh: second build"
(cd "$two" && umask 077 && HOME=$dir/home GOCACHE=$cache GOMODCACHE=$modules GOENV=$settings TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANG=C.UTF-8 bash "$DIST" "$@" >"$dir/second.log" 2>&1) || { cat "$dir/second.log" && exit 1; }

sums "$one" >"$dir/first"
sums "$two" >"$dir/second"
if ! difference=$(diff -u "$dir/first" "$dir/second"); then
	echo "reproducible.sh: two builds of one commit differ:"
	echo "$difference" | grep '^[-+][^-+]'
	exit 1
fi
echo "reproducible.sh: $(wc -l <"$dir/first") files, each the same twice:"
cat "$dir/first"
