#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Format, vet, lint, and the tests of the tree's own rules. "make check" calls
# it; GO, TAGS and the linters' versions come from the Makefile.
set -eu
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}" "${GOLANGCI_VERSION:?}" "${DEADCODE_VERSION:?}" "${VULNCHECK_VERSION:?}"

echo "== gofmt"
unformatted=$(find . -name '*.go' -not -path './out/*' -exec gofmt -l {} +)
if [ -n "$unformatted" ]; then
	echo "not formatted, run gofmt -w:"
	echo "$unformatted"
	exit 1
fi

echo "== go vet"
"$GO" vet -tags "$TAGS" ./...

# tool NAME VERSION PACKAGE WAIT sets $tool to a linter's program. The linters are no
# dependencies of the module: each is built once into out/. A machine without a network
# works without them, and says so: $tool is empty then.
tool() {
	tool=out/tools/$1-$2
	[ -x "$tool" ] && return
	mkdir -p out/tools
	echo "building $1 $2, once: $4"
	if GOBIN="$PWD/out/tools" "$GO" install "$3@$2"; then
		mv "out/tools/$1" "$tool"
	else
		echo "$1 cannot be built here (no network?): skipped"
		tool=
	fi
}

echo "== golangci-lint $GOLANGCI_VERSION, with staticcheck"
tool golangci-lint "$GOLANGCI_VERSION" github.com/golangci/golangci-lint/v2/cmd/golangci-lint \
	"some minutes of a processor, and about one for the first look at the tree"
if [ -n "$tool" ]; then
	"$tool" run --build-tags "$TAGS" ./...
fi

echo "== deadcode $DEADCODE_VERSION"
tool deadcode "$DEADCODE_VERSION" golang.org/x/tools/cmd/deadcode "some seconds"
if [ -n "$tool" ]; then
	sh test/setup/deadcode.sh "$tool"
fi

echo "== govulncheck $VULNCHECK_VERSION"
tool govulncheck "$VULNCHECK_VERSION" golang.org/x/vuln/cmd/govulncheck "some seconds"
if [ -n "$tool" ]; then
	sh test/setup/vulncheck.sh "$tool"
fi

echo "== rules of the tree"
"$GO" test -tags "$TAGS" ./test/architecture/...
