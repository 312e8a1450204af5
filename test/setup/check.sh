#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Format, vet, lint, and the tests of the tree's own rules. "make check" calls
# it; GO, TAGS and the linters' versions come from the Makefile.
#
#   check.sh [step...]    format, vet, lint, deadcode, vulncheck and rules; all of them unless named
#
# PACKAGES limits vet and lint, RULE the rules to one test. What could not be done
# is written to SKIPPED, out/check.skipped unless given, a line of name, tab and reason each.
set -eu
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}" "${GOLANGCI_VERSION:?}" "${DEADCODE_VERSION:?}" "${VULNCHECK_VERSION:?}"
: "${PACKAGES:=./...}" "${RULE:=}" "${TOOLS:=$PWD/out/tools}" "${SKIPPED:=$PWD/out/check.skipped}"
export SKIPPED

# rules are the tests that find what was left out or not written anew: packages, and which of their
# tests ("." are all). They need no root, no network and a few seconds.
rules() {
	cat <<-'LIST'
		./test/architecture/... .
		./guest/config TestEveryOptionIsShown|TestTableIsSound|TestSampleFile
		./guest/config/gendoc .
		./guest/storage/volume TestEveryDriverIsAnnounced
		./protocols TestGeneratedCodeIsCurrent|TestProtoFilesMatchTables|TestGoTypesMatchTables|TestGoEnumsMatchTables|TestMethodsMatchTables
		./cmd/kata-agent-ctl TestManualNamesEveryCommand|TestEveryCommandTeaches
		./cmd/kata-agent-ctl/internal/timeline TestExample
	LIST
}

skip() {
	echo "$1: $2: skipped"
	printf '%s\t%s\n' "$1" "$2" >>"$SKIPPED"
}

# tool NAME VERSION PACKAGE WAIT sets $tool to a linter's program. The linters are no
# dependencies of the module: each is built once into out/. A machine without a network
# works without them, and says so: $tool is empty then.
tool() {
	tool=$TOOLS/$1-$2
	[ -x "$tool" ] && return
	mkdir -p "$TOOLS"
	echo "building $1 $2, once: $4"
	if GOBIN="$TOOLS" "$GO" install "$3@$2"; then
		mv "$TOOLS/$1" "$tool"
	else
		skip "$1" "it cannot be built here (no network?)"
		tool=
	fi
}

format() {
	echo "== gofmt"
	unformatted=$(find . -name '*.go' -not -path './out/*' -exec gofmt -l {} +)
	if [ -n "$unformatted" ]; then
		echo "not formatted, run gofmt -w:"
		echo "$unformatted"
		exit 1
	fi
}

vet() {
	echo "== go vet"
	# shellcheck disable=SC2086 # a list of words
	"$GO" vet -tags "$TAGS" $PACKAGES
}

lint() {
	echo "== golangci-lint $GOLANGCI_VERSION, with staticcheck"
	tool golangci-lint "$GOLANGCI_VERSION" github.com/golangci/golangci-lint/v2/cmd/golangci-lint \
		"some minutes of a processor, and about one for the first look at the tree"
	# shellcheck disable=SC2086 # a list of words
	[ -z "$tool" ] || "$tool" run --allow-parallel-runners --build-tags "$TAGS" $PACKAGES
}

deadcode() {
	echo "== deadcode $DEADCODE_VERSION"
	tool deadcode "$DEADCODE_VERSION" golang.org/x/tools/cmd/deadcode "some seconds"
	[ -z "$tool" ] || sh test/setup/deadcode.sh "$tool"
}

vulncheck() {
	echo "== govulncheck $VULNCHECK_VERSION"
	tool govulncheck "$VULNCHECK_VERSION" golang.org/x/vuln/cmd/govulncheck "some seconds"
	[ -z "$tool" ] || sh test/setup/vulncheck.sh "$tool"
}

# check_rules runs every rule before it fails: who has left out two things reads of both.
check_rules() {
	echo "== rules of the tree"
	broken=
	while read -r packages tests; do
		if [ -n "$RULE" ]; then
			case "|$tests|" in
			'|.|' | *"|$RULE|"*) tests="^$RULE\$" ;;
			*) continue ;;
			esac
		fi
		"$GO" test -tags "$TAGS" -run "$tests" "$packages" </dev/null || broken=yes
	done <<-LIST
		$(rules)
	LIST
	[ -z "$broken" ] || exit 1
}

mkdir -p "$(dirname "$SKIPPED")"
if [ $# -eq 0 ]; then
	: >"$SKIPPED"
	set -- format vet lint deadcode vulncheck rules
fi
for step; do
	case $step in
	format | vet | lint | deadcode | vulncheck) $step ;;
	rules) check_rules ;;
	*)
		echo "check.sh: there is no step $step" >&2
		exit 2
		;;
	esac
done
