#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the demonstration with the binaries that "make build" has made.
set -eu
cd "$(dirname "$0")/../.."
: "${GO:=go}"

if [ ! -x /bin/busybox ]; then
	sh test/setup/packages.sh
fi
exec "$GO" run ./test/demo
