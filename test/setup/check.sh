#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Format, vet, lint, and the tests of the tree's own rules. "make check" calls
# it; GO, TAGS and STATICCHECK_VERSION come from the Makefile.
set -eu
cd "$(dirname "$0")/../.."
: "${GO:=go}" "${TAGS:=seccomp,netgo,osusergo,agent_policy}" "${STATICCHECK_VERSION:?}"

echo "== gofmt"
unformatted=$(find . -name '*.go' -not -path './out/*' -exec gofmt -l {} +)
if [ -n "$unformatted" ]; then
	echo "not formatted, run gofmt -w:"
	echo "$unformatted"
	exit 1
fi

echo "== go vet"
"$GO" vet -tags "$TAGS" ./...

# The linter is no dependency of the module: it is built once into out/. A
# machine without a network works without it, and says so.
echo "== staticcheck $STATICCHECK_VERSION"
linter=out/tools/staticcheck-$STATICCHECK_VERSION
if [ ! -x "$linter" ]; then
	mkdir -p out/tools
	if GOBIN="$PWD/out/tools" "$GO" install "honnef.co/go/tools/cmd/staticcheck@$STATICCHECK_VERSION"; then
		mv out/tools/staticcheck "$linter"
	else
		echo "staticcheck cannot be built here (no network?): skipped"
		linter=
	fi
fi
if [ -n "$linter" ]; then
	"$linter" -tags "$TAGS" ./...
fi

echo "== rules of the tree"
"$GO" test -tags "$TAGS" ./test/architecture/...
