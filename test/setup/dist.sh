#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes what is handed out below out/dist: for each architecture the programs, a
# tarball for the image builder of Kata Containers (AGENT_TARBALL), packages for
# Debian, a bill of materials, and the checksums of all of it. Two runs of one
# commit give the same bytes: reproducible.sh shows it. "make dist" calls it.
#
#   dist.sh [architecture...]      amd64 and arm64 unless named; also s390x, ppc64le
#
# A compiler for a foreign architecture comes from Debian (gcc-aarch64-linux-gnu
# and so on); libseccomp's static library for it is downloaded into out/dist-build.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${CYCLONEDX_VERSION:=v1.10.0}"

# Modes of files, the order of names and the words of dates are the same for everybody.
umask 022
export LC_ALL=C TZ=UTC

version=$(cat VERSION)
COMMIT=${COMMIT:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export COMMIT SOURCE_DATE_EPOCH
date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
build=$PWD/out/dist-build dist=$PWD/out/dist
say() { echo "dist.sh: $*"; }

# names ARCH sets what the architecture is called by Debian and by its compiler.
names() {
	case $1 in
	amd64) debian=amd64 triple=x86_64-linux-gnu compiler=gcc ;;
	arm64) debian=arm64 triple=aarch64-linux-gnu compiler=gcc-aarch64-linux-gnu ;;
	s390x) debian=s390x triple=s390x-linux-gnu compiler=gcc-s390x-linux-gnu ;;
	ppc64le) debian=ppc64el triple=powerpc64le-linux-gnu compiler=gcc-powerpc64le-linux-gnu ;;
	*)
		say "unknown architecture $1: amd64, arm64, s390x and ppc64le are there" >&2
		exit 2
		;;
	esac
}

# libseccomp puts the foreign static library below $build, with apt's own configuration of
# where packages come from, and without changing what is installed on this machine.
libseccomp() {
	local root=$build/sysroot-$debian apt=$build/apt-$debian
	if [ ! -e "$root/usr/lib/$triple/libseccomp.a" ]; then
		mkdir -p "$apt"/{state/lists/partial,cache/archives/partial}
		local options=(-q -o "Dir::State=$apt/state" -o "Dir::Cache=$apt/cache" -o Dir::State::status=/dev/null
			-o "APT::Architecture=$debian" -o "APT::Architectures=$debian" -o APT::Sandbox::User=root)
		apt-get "${options[@]}" update >/dev/null
		(cd "$apt" && apt-get "${options[@]}" download libseccomp-dev >/dev/null)
		dpkg-deb -x "$apt"/libseccomp-dev_*.deb "$root"
	fi
	export PKG_CONFIG_LIBDIR=$root/usr/lib/$triple/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
}

# cross sets the environment of a build for another architecture than this machine's.
cross() {
	unset PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR CC
	[ "$1" != "$("$GO" env GOHOSTARCH)" ] || return 0
	export CC=$triple-gcc
	command -v "$CC" >/dev/null || {
		say "there is no $CC; as root: apt-get install --no-install-recommends $compiler libc6-dev-$debian-cross" >&2
		exit 1
	}
	libseccomp
}

# programs ARCH builds both programs, the agent with and without the policy engine, below $stage/bin.
programs() {
	local policy
	export GOARCH=$1
	for policy in no yes; do
		rm -f bin/kata-agent
		make --no-print-directory build AGENT_POLICY=$policy >/dev/null
		mkdir -p "$stage/bin-$policy"
		cp bin/kata-agent bin/kata-agent-ctl "$stage/bin-$policy/"
	done
	unset GOARCH
}

# tarball POLICY SUFFIX: the tree that an image gets.
tarball() {
	local root=$stage/root-$1
	make --no-print-directory install DESTDIR="$root" AGENT_BINARY="$stage/bin-$1/kata-agent" >/dev/null
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$root" -c . |
		zstd -q -12 -T1 -f -o "$dist/kata-agent$2-$version-$arch.tar.zst"
}

# kib is what the files of a tree take. What a directory takes is another number on each file system.
kib() { find "$1" -path "$1/DEBIAN" -prune -o -type f -printf '%s\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n + 0 }'; }

# package NAME ROOT DESCRIPTION makes a .deb of a tree.
package() {
	local name=$1 root=$2 description=$3
	mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$name"
	install -m 0644 LICENSE "$root/usr/share/doc/$name/copyright"
	cat >"$root/DEBIAN/control" <<-CONTROL
		Package: $name
		Version: $version
		Architecture: $debian
		Maintainer: The Kata agent's maintainers <kata-dev@lists.katacontainers.io>
		Section: admin
		Priority: optional
		Installed-Size: $(kib "$root")
		Homepage: https://github.com/kata-containers/kata-agent
		Description: $description
	CONTROL
	find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz -b "$root" "$dist/${name}_${version}_$debian.deb" >/dev/null
}

# bill PROGRAM OUTPUT writes what a program is made of, by CycloneDX. Its time is the commit's.
bill() {
	"$tool" bin -json -noserial -std -licenses=false -output "$build/bill.json" "$1" 2>"$build/bill.log" || {
		cat "$build/bill.log" >&2
		exit 1
	}
	sed -E "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$date\"/" "$build/bill.json" >"$2"
}

rm -rf "$dist"
mkdir -p "$dist" "$build"
tool=out/tools/cyclonedx-gomod-$CYCLONEDX_VERSION
if [ ! -x "$tool" ]; then
	mkdir -p out/tools
	GOBIN="$PWD/out/tools" "$GO" install "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$CYCLONEDX_VERSION"
	mv out/tools/cyclonedx-gomod "$tool"
fi

[ $# -gt 0 ] || set -- amd64 arm64
for arch; do
	names "$arch"
	cross "$arch"
	stage=$build/$arch
	rm -rf "$stage"
	mkdir -p "$stage"
	say "$arch"
	programs "$arch"
	tarball yes ""
	tarball no "-without-policy"
	install -d "$stage/root-yes/usr/share/man/man8"
	# What writes the manuals runs on this machine, whatever is built for here.
	CGO_ENABLED=0 "$GO" run ./guest/config/gendoc -man "$stage/root-yes/usr/share/man/man8"
	gzip -9n "$stage"/root-yes/usr/share/man/man8/*
	package kata-agent "$stage/root-yes" "guest agent of Kata Containers
 Runs the containers of a pod inside its virtual machine. This build has the
 policy engine."
	install -D -m 0755 "$stage/bin-yes/kata-agent-ctl" "$stage/root-ctl/usr/bin/kata-agent-ctl"
	(cd cmd/kata-agent-ctl && CGO_ENABLED=0 "$GO" run -trimpath . man "$stage/root-ctl/usr/share/man/man1")
	gzip -9n "$stage"/root-ctl/usr/share/man/man1/*
	package kata-agent-ctl "$stage/root-ctl" "client of the guest agent of Kata Containers
 Talks to an agent as a host does: containers, sessions, any call, load."
	for program in kata-agent kata-agent-ctl; do
		install -m 0755 "$stage/bin-yes/$program" "$dist/$program-$version-$arch"
		bill "$stage/bin-yes/$program" "$dist/$program-$version-$arch.cdx.json"
	done
done
rm -f bin/kata-agent bin/kata-agent-ctl # of another architecture, perhaps
(cd "$dist" && sha256sum -- * >"$build/SHA256SUMS" && mv "$build/SHA256SUMS" .)
say "done:"
ls -l "$dist"
