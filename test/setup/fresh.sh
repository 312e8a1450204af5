#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Does what a new user does: runs the commands of the README in a Debian 12 that
# has never seen them, with Go, make and certificates and nothing else.
#
#   fresh.sh [command...]     default: 'make demo' 'make test'
#
# The system is made by mmdebstrap below TMPDIR (some GiB with what the commands
# put there) and removed at the end. Its packages come from where those of this
# machine come from, by apt's own configuration. The commands run as root in
# namespaces of mounts, processes, IPC and host name; kernel, network, devices
# and cgroups are the machine's. Nothing is shared with the caches of this
# machine. KATA_FRESH_KEEP=1 leaves the system there, and prints where.
set -euo pipefail

release=bookworm
say() { echo "fresh.sh: $*"; }

# inside runs as process 1 of the new namespaces, and makes the system the root.
inside() {
	local root=$1 go=$2
	shift 2
	mount --bind "$root" "$root"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts "$root/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mount -t proc proc "$root/proc"
	mkdir -p "$root/usr/local/go"
	mount --bind "$go" "$root/usr/local/go"
	mount -o remount,bind,ro "$root/usr/local/go"
	echo fresh >/proc/sys/kernel/hostname
	cd "$root"
	pivot_root . .
	umount -l .
	cd /root/kata-agent
	local command status=0
	for command; do
		echo "fresh.sh: == $command ($(date -u +%H:%M:%SZ))"
		SECONDS=0
		/usr/bin/env -i "${environment[@]}" /bin/sh -c "$command" </dev/null || status=$?
		echo "fresh.sh: == $command: status $status after $SECONDS s"
		[ $status -eq 0 ] || exit $status
	done
}

# environment is a new user's, and how this machine reaches the network.
environment=(HOME=/root USER=root LANG=C.UTF-8 "TERM=${TERM:-dumb}"
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in http_proxy https_proxy no_proxy GOPROXY GOSUMDB GONOSUMDB CI TESTFLAGS; do
	if [ -n "${!name:-}" ]; then
		environment+=("$name=${!name}")
	fi
done

if [ "${1:-}" = --inside ]; then
	shift
	inside "$@"
	exit
fi

cd "$(dirname "$0")/../.."
: "${GO:=go}"
if [ "$(id -u)" -ne 0 ]; then
	say "needs root" >&2
	exit 1
fi
sh test/setup/packages.sh mmdebstrap
export GOPROXY GOSUMDB GONOSUMDB
GOPROXY=$("$GO" env GOPROXY) GOSUMDB=$("$GO" env GOSUMDB) GONOSUMDB=$("$GO" env GONOSUMDB)

dir=$(mktemp -d "${TMPDIR:-/tmp}/kata-fresh.XXXXXX")
finish() {
	if [ "${KATA_FRESH_KEEP:-}" = 1 ]; then
		say "left in $dir/root"
	else
		rm -rf --one-file-system "$dir"
	fi
}
trap finish EXIT

# The mirror, and how to reach it, as apt has them here.
apt-get indextargets --format "deb \$(REPO_URI) \$(CODENAME) \$(COMPONENT)" \
	"Created-By: Packages" "Origin: Debian" | grep -E " $release(-updates|-security)? main\$" | sort -u >"$dir/sources.list"
apt-config dump --no-empty --format '%f "%v";%n' Acquire::http Acquire::https Acquire::Check-Date \
	Acquire::Check-Valid-Until >"$dir/apt.conf"
if [ ! -s "$dir/sources.list" ]; then
	say "apt here has no sources of Debian's $release" >&2
	exit 1
fi

say "making a Debian $release in $dir/root"
mmdebstrap --quiet --variant=minbase --include=ca-certificates,make --aptopt="$dir/apt.conf" \
	"$release" "$dir/root" "$dir/sources.list"
cp -L /etc/resolv.conf "$dir/root/etc/resolv.conf"
echo "127.0.0.1 localhost fresh" >"$dir/root/etc/hosts"
# Certificates that this machine's administrator trusts, such as a proxy's.
if [ -d /usr/local/share/ca-certificates ]; then
	cp -RL /usr/local/share/ca-certificates "$dir/root/usr/local/share/"
fi
env -u TMPDIR chroot "$dir/root" update-ca-certificates >/dev/null

# The checkout: what is tracked or new here, as it is now, and nothing that was built.
mkdir "$dir/root/root/kata-agent"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read \
	2>/dev/null | tar --extract --no-same-owner --directory="$dir/root/root/kata-agent"

if [ $# -eq 0 ]; then
	set -- 'make demo' 'make test'
fi
unshare --mount --pid --ipc --uts --fork --kill-child \
	bash test/setup/fresh.sh --inside "$dir/root" "$("$GO" env GOROOT)" "$@" &
trap 'kill $!; wait' INT TERM
wait $!
