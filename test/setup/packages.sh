#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that build, test and demo need. With all of them
# there it does nothing and needs no network; it may be run any number of times.
set -eu

# gcc, libc6-dev, pkg-config and libseccomp-dev build the agent; busybox-static
# is the root file system of the tests' containers; the file system and network
# tools are what agent and tests call; the last rows serve the virtual machines.
packages="
	ca-certificates git make
	gcc libc6-dev pkg-config libseccomp-dev
	busybox-static iproute2 iptables e2fsprogs xfsprogs erofs-utils cryptsetup-bin
	qemu-system-x86 cpio kmod
"

say() { echo "packages.sh: $*"; }

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	say "this is no Debian; have the equivalents of these installed:" $packages >&2
	exit 1
fi

missing=
for package in $packages; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	if [ "$state" != installed ]; then
		missing="$missing $package"
	fi
done

# The tests in virtual machines download the stock kernel's package when they
# first run, so the package lists have to name it.
kernel=yes
if ! apt-cache show linux-image-amd64 >/dev/null 2>&1; then
	kernel=no
fi

if [ -z "$missing" ] && [ $kernel = yes ]; then
	say "everything is there"
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	say "not root, cannot install:${missing:- (package lists only)}" >&2
	exit 1
fi

say "updating the package lists"
if ! apt-get update -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20; then
	say "the package lists cannot be updated; missing:${missing:- nothing but the lists}" >&2
	[ -z "$missing" ] && exit 0
	exit 1
fi
if [ -n "$missing" ]; then
	say "installing$missing"
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi
say "done"
