#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that build, test and demo need. With all of them
# there it does nothing and needs no network; it may be run any number of times.
# Without root it says what is missing. It fails if a build cannot work.
#
#   packages.sh [package...]    further packages, for a command that needs more
set -eu
cd "$(dirname "$0")/../.."

# What the agent is built with, and busybox, the root file system of the
# containers of demo and tests.
needed="
	ca-certificates make gcc libc6-dev pkg-config libseccomp-dev busybox-static
	$*
"
# File system and network tools that agent and tests call, and the virtual
# machines, and protoc, which the generated code is compared by: tests without
# them skip themselves.
wanted="
	git iproute2 iptables e2fsprogs xfsprogs erofs-utils cryptsetup-bin procps
	qemu-system-x86 cpio kmod xz-utils
	protobuf-compiler libprotobuf-dev
"

say() { echo "packages.sh: $*"; }

# list prints words on one line.
list() { echo $*; }

# lacking prints those of its arguments that are not installed.
lacking() {
	for package; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || echo "$package"
	done
}

check_go() {
	: "${GO:=go}"
	if ! command -v "$GO" >/dev/null; then
		say "there is no Go: $(sed -n 's/^go //p' go.mod) or newer has to be installed, in the path or in /usr/local/go" >&2
		exit 1
	fi
	"$GO" list -m >/dev/null # says so if it is too old
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	say "this is no Debian, so nothing is installed; needed are the equivalents of:" $(list $needed $wanted) >&2
	check_go
	exit 0
fi

# shellcheck disable=SC2086 # lists of words
missing=$(list $(lacking $needed)) useful=$(list $(lacking $wanted))

# The tests in virtual machines download the stock kernel's package when they
# first run, so the package lists have to name it.
lists=yes
apt-cache show linux-image-amd64 >/dev/null 2>&1 || lists=no

if [ -z "$missing$useful" ] && [ $lists = yes ]; then
	say "everything is there"
	check_go
	exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
	[ $lists = yes ] || say "the package lists name no kernel; as root: apt-get update" >&2
	[ -z "$missing$useful" ] || say "missing; as root: apt-get install --no-install-recommends $(list $missing $useful)" >&2
	[ -z "$missing" ] || exit 1
	say "this is enough to build; tests that need more are skipped" >&2
	check_go
	exit 0
fi

say "updating the package lists"
if apt-get update -q -o Acquire::Retries=3 -o Acquire::http::Timeout=20; then
	if [ -n "$missing$useful" ]; then
		say "installing $(list $missing $useful)"
		# shellcheck disable=SC2086 # lists of words
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
			-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 $missing $useful
	fi
	say "done"
else
	say "the package lists cannot be updated; missing: $(list ${missing:-nothing that a build needs} $useful)" >&2
	[ -z "$missing" ] || exit 1
fi
check_go
