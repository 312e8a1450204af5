#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Says who weighs what in the agent: the bytes of code and data by module, of a
# build with the policy engine that still has its names. "make size" calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=1 "$GO" build -trimpath -tags "$TAGS" -ldflags '-linkmode external -extldflags -static' -o "$dir/agent" ./cmd/kata-agent
nm -S -t d "$dir/agent" | awk 'NF == 4 && $3 !~ /[Bb]/' >"$dir/symbols"
# A symbol begins with the path of its package, of which the part that names the
# module is kept. Code made for types and what has no path is one line.
awk '{
	name = $4
	if (name ~ /^runtime\.(pclntab|findfunctab|rodata|types|itablink|symtab|noptrdata|etypes)/) name = "tables of the runtime, for stacks and types"
	else if (name ~ /^(type|go|\*|eq|hash|tags)[:.\[*]/ || name !~ /^[a-zA-Z0-9_.-]+\//) name = "standard library, C and generated code"
	else {
		n = split(name, part, "/")
		if (part[1] !~ /\./) name = "standard library, C and generated code"
		else {
			keep = (part[1] == "github.com" || part[1] == "golang.org" || part[1] == "google.golang.org") ? 3 : 2
			if (part[1] == "google.golang.org") keep = 2
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
END { for (name in weight) printf "%9.1f KiB  %s\n", weight[name] / 1024, name }' "$dir/symbols" | sort -rn | head -40
