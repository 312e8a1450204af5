#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Says who weighs what in the agent, and holds the programs against their budget,
# test/setup/size.txt. "make size" calls it.
#
#   size.sh            bytes of code and data by module, of a build with the policy engine
#   size.sh check      build both programs as they are shipped; it fails if one is above its
#                      budget, and names what has grown since the budget was written
#   size.sh update     write the budget anew: what the programs weigh now, and 2 % more
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}" "${BUDGET:=test/setup/size.txt}"
export LC_ALL=C

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# program NAME builds one of those that the budget has.
program() {
	local static='-s -w -linkmode external -extldflags -static'
	case $1 in
	kata-agent) CGO_ENABLED=1 "$GO" build -trimpath -tags "$TAGS" -ldflags "$static" -o "$dir/$1" ./cmd/kata-agent ;;
	kata-agent-ctl) CGO_ENABLED=0 "$GO" build -trimpath -tags netgo,osusergo -ldflags '-s -w' -o "$dir/$1" ./cmd/kata-agent-ctl ;;
	*)
		echo "size.sh: $BUDGET has a program $1 that is not built here" >&2
		exit 1
		;;
	esac
}

# weights lists KiB and module of the symbols that nm prints of a program with names.
#
# A symbol begins with the path of its package, of which the part that names the
# module is kept; of ours, the district. Code made for types and what has no path is one line.
weights() {
	nm -S -t d "$1" | awk 'NF == 4 && $3 !~ /[Bb]/' | awk '{
		name = $4
		if (name ~ /^runtime\.(pclntab|findfunctab|rodata|types|itablink|symtab|noptrdata|etypes)/) name = "tables of the runtime, for stacks and types"
		else if (name ~ /^(type|go|\*|eq|hash|tags)[:.\[*]/ || name !~ /^[a-zA-Z0-9_.-]+\//) name = "standard library, C and generated code"
		else {
			n = split(name, part, "/")
			if (part[1] !~ /\./) name = "standard library, C and generated code"
			else {
				keep = (part[1] == "github.com" || part[1] == "golang.org") ? 3 : 2
				if (part[2] == "kata-containers") keep = 4
				name = part[1]
				for (i = 2; i <= keep && i <= n; i++) {
					piece = part[i]
					if (i == n) sub(/[.].*/, "", piece)
					name = name "/" piece
				}
			}
		}
		weight[name] += $2
	}
	END { for (name in weight) printf "%.1f %s\n", weight[name] / 1024, name }' | sort -k1,1rn -k2
}

# named builds a program that still has its names, and weighs it.
named() {
	case $1 in
	kata-agent) CGO_ENABLED=1 "$GO" build -trimpath -tags "$TAGS" -ldflags '-linkmode external -extldflags -static' -o "$dir/named" ./cmd/kata-agent ;;
	*) CGO_ENABLED=0 "$GO" build -trimpath -tags netgo,osusergo -o "$dir/named" ./cmd/kata-agent-ctl ;;
	esac
	weights "$dir/named"
}

# grown lists the modules that weigh more than the budget says, those that have grown the most first.
grown() {
	named "$1" | awk -v program="$1" '
		FNR == NR { if ($1 == program && $2 == "of") { kib = $3; name = $0; sub(/^[^ ]+ of [^ ]+ /, "", name); was[name] = kib }; next }
		{ kib = $1; name = $0; sub(/^[^ ]+ /, "", name); if (kib - was[name] >= 1) printf "%9.1f KiB more  %s, now %.1f KiB\n", kib - was[name], name, kib }
	' "$BUDGET" - | sort -rn | head -20
}

check() {
	local name budget size failed=
	while read -r name budget _; do
		program "$name"
		size=$(stat -c %s "$dir/$name")
		if [ "$size" -le "$budget" ]; then
			echo "$name: $size bytes, of $budget"
			continue
		fi
		failed=yes
		echo "$name has $size bytes, $((size - budget)) more than its budget of $budget. What has grown:"
		grown "$name"
	done < <(grep -E '^[^ #]+ [0-9]+$' "$BUDGET")
	[ -z "$failed" ] || {
		echo "make it smaller, or raise the budget and say why in the commit: bash test/setup/size.sh update"
		exit 1
	}
}

update() {
	local name
	{
		echo "# What the programs may weigh, in bytes, and what is in them, in KiB: bash test/setup/size.sh update."
		for name in kata-agent kata-agent-ctl; do
			program "$name"
			echo "$name $(($(stat -c %s "$dir/$name") * 102 / 100))"
		done
		for name in kata-agent kata-agent-ctl; do
			named "$name" | awk -v program="$name" '$1 >= 16 { print program " of " $0 }'
		done
	} >"$dir/budget"
	cp "$dir/budget" "$BUDGET"
}

case ${1:-} in
"") named kata-agent | awk '{ kib = $1; sub(/^[^ ]+ /, ""); printf "%9.1f KiB  %s\n", kib, $0 }' | head -40 ;;
check) check ;;
update) update ;;
*)
	echo "size.sh: there is no $1" >&2
	exit 2
	;;
esac
